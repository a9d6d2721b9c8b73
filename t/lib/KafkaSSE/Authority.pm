package KafkaSSE::Authority;

# Who signs certificates, made for one test.
#
#     my $ca = KafkaSSE::Authority->new;
#     my $cert = $ca->issue(san => 'DNS:localhost,IP:127.0.0.1');
#     $ca->file;  $cert->{crt};  $cert->{key};
#
# san (none: a certificate of a client), cn, days: below 0, it has expired.

use v5.36;

use KafkaSSE::Rig qw(tempdir run spew unique);

my @new = qw(openssl req -nodes -newkey ec
             -pkeyopt ec_paramgen_curve:prime256v1);


sub new ($class) {
    my $name = unique('ca');
    my $path = tempdir() . "/$name";

    _openssl(@new, qw(-x509 -days 2 -subj), "/CN=$name",
             '-keyout', "$path.key", '-out', "$path.crt");

    return bless { path => $path }, $class;
}


sub file ($self) { "$self->{path}.crt" }


sub issue ($self, %opt) {
    my $path = tempdir() . '/' . unique('certificate');
    my $cn = $opt{cn} // 'redis';

    spew("$path.ext", defined $opt{san} ? "subjectAltName=$opt{san}\n" : '');

    _openssl(@new, '-new', '-subj', "/CN=$cn", '-keyout', "$path.key",
             '-out', "$path.csr");
    _openssl(qw(openssl x509 -req -in), "$path.csr", '-CA', $self->file,
             '-CAkey', "$self->{path}.key", '-set_serial', 1 + int rand 1e9,
             '-days', $opt{days} // 2, '-extfile', "$path.ext",
             '-out', "$path.crt");

    return { crt => "$path.crt", key => "$path.key" };
}


sub _openssl (@cmd) {
    my $r = run(\@cmd);
    die "@cmd: $r->{err}" if $r->{status};
}


1;
