package KafkaSSE::Authority;

# Who signs certificates, made for one test by openssl.
#
#     my $ca = KafkaSSE::Authority->new;
#     my $cert = $ca->issue(san => 'DNS:localhost,IP:127.0.0.1');
#     $ca->file;  $cert->{crt};  $cert->{key};
#     $cert->{pem}                            key and certificate in one file
#     KafkaSSE::Authority::locked($cert, 'password')       its key with one
#
# san (none: a certificate of a client), cn, expired => 1: in 2020.

use v5.36;

use KafkaSSE::Rig qw(tempdir run spew slurp unique);

my @new = qw(openssl req -nodes -newkey ec
             -pkeyopt ec_paramgen_curve:prime256v1);


sub new ($class) {
    my $name = unique('ca');
    my $path = tempdir() . "/$name";

    _openssl(@new, qw(-x509 -days 2 -subj), "/CN=$name",
             '-keyout', "$path.key", '-out', "$path.crt");
    chmod 0644, "$path.crt";

    return bless { path => $path }, $class;
}


sub file ($self) { "$self->{path}.crt" }


# "openssl x509" knows dates only since 3.4, "openssl ca" always

sub issue ($self, %opt) {
    my $cn = $opt{cn} // 'server';
    my $path = tempdir() . '/' . unique('certificate');
    my $dir = tempdir();
    my $extension = defined $opt{san} ? "subjectAltName=$opt{san}"
                                      : 'extendedKeyUsage=clientAuth';
    my @dates = $opt{expired} ? ('-startdate', '20200101000000Z',
                                 '-enddate', '20200102000000Z')
                              : ('-days', 2);

    spew("$path.index", '');
    spew("$path.conf", <<"END");
[ca]
default_ca = a
[a]
database = $path.index
new_certs_dir = $dir
rand_serial = yes
default_md = sha256
policy = p
x509_extensions = e
[p]
commonName = supplied
[e]
basicConstraints = CA:FALSE
$extension
END

    _openssl(@new, '-new', '-subj', "/CN=$cn", '-keyout', "$path.key",
             '-out', "$path.csr");
    _openssl(qw(openssl ca -batch -notext -config), "$path.conf", @dates,
             '-cert', $self->file, '-keyfile', "$self->{path}.key",
             '-in', "$path.csr", '-out', "$path.crt");

    spew("$path.pem", slurp("$path.key") . slurp("$path.crt"));

    # brokers and nginx's workers read them

    my %cert = map { $_ => "$path.$_" } qw(crt key pem);
    chmod 0644, values %cert;

    return \%cert;
}


sub locked ($cert, $password) {
    my $path = $cert->{key} =~ s/\.key\z/-locked.key/r;

    _openssl(qw(openssl pkcs8 -topk8 -v2 aes-256-cbc -passout),
             "pass:$password", '-in', $cert->{key}, '-out', $path);
    chmod 0644, $path;

    return $path;
}


sub _openssl (@cmd) {
    my $r = run(\@cmd);
    die "@cmd: $r->{err}" if $r->{status};
}


1;
