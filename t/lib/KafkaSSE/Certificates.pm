package KafkaSSE::Certificates;

# Certificates of a test, made by openssl in its directory: an authority, what
# it has signed, and what is wrong in some way.  ->path('server.crt'):
#
#     ca, other-ca             authorities, .crt and .key
#     server                   localhost and 127.0.0.1
#     elsewhere                another host
#     expired                  localhost and 127.0.0.1, until yesterday
#     client                   CN=edge
#     locked                   the client's, its key with a password
#
# and .pem, key and certificate in one, as Kafka wants them.

use v5.36;

use KafkaSSE::Rig qw(tempdir run spew slurp);


sub new ($class) {
    state $self = do {
        my $new = bless { dir => tempdir() . '/certificates' }, $class;
        $new->_make;
        $new;
    };
    return $self;
}


sub path ($self, $file) { "$self->{dir}/$file" }
sub password            { 'of-the-key-4711' }


sub _openssl ($self, @args) {
    my $r = run([ 'openssl', @args ], timeout => 20);
    die "openssl @args: $r->{err}" if $r->{status};
}


sub _make ($self) {
    mkdir $self->{dir} or die "$self->{dir}: $!";

    for my $ca (qw(ca other-ca)) {
        $self->_openssl(qw(req -x509 -nodes -days 2 -newkey ec
                           -pkeyopt ec_paramgen_curve:prime256v1 -subj),
                        "/CN=$ca", '-keyout', $self->path("$ca.key"),
                        '-out', $self->path("$ca.crt"));
    }

    my $here = 'DNS:localhost,IP:127.0.0.1';

    $self->_sign('server', "subjectAltName=$here");
    $self->_sign('elsewhere', 'subjectAltName=DNS:elsewhere.example');
    $self->_sign('expired', "subjectAltName=$here", 1);
    $self->_sign('client', 'extendedKeyUsage=clientAuth', 0, '/CN=edge');

    $self->_openssl('pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-passout',
                    'pass:' . password(), '-in', $self->path('client.key'),
                    '-out', $self->path('locked.key'));
    spew($self->path('locked.crt'), slurp($self->path('client.crt')));

    # the broker and nginx's workers read them

    chmod 0755, $self->{dir};
    chmod 0644, glob "$self->{dir}/*";
}


# openssl has no -not_after before 3.4, but its "ca" has -enddate

sub _sign ($self, $name, $extension, $expired = 0, $subject = "/CN=$name") {
    my $path = $self->path($name);

    spew("$path.cnf", <<"END");
[ca]
default_ca = a
[a]
database = $path.index
new_certs_dir = $self->{dir}
rand_serial = yes
default_md = sha256
policy = p
x509_extensions = e
copy_extensions = none
[p]
commonName = supplied
[e]
basicConstraints = CA:FALSE
$extension
END
    spew("$path.index", '');

    $self->_openssl(qw(req -new -nodes -newkey ec -pkeyopt
                       ec_paramgen_curve:prime256v1 -subj), $subject,
                    '-keyout', "$path.key", '-out', "$path.csr");

    my @dates = $expired ? ('-startdate', '20200101000000Z',
                            '-enddate', '20200102000000Z') : (-days => 2);

    $self->_openssl('ca', '-batch', '-notext', '-config', "$path.cnf", @dates,
                    '-cert', $self->path('ca.crt'),
                    '-keyfile', $self->path('ca.key'),
                    '-in', "$path.csr", '-out', "$path.crt");

    $self->_openssl(qw(pkcs8 -topk8 -nocrypt -in), "$path.key",
                    '-out', "$path.p8");
    spew("$path.pem", slurp("$path.p8") . slurp("$path.crt"));
}


1;
