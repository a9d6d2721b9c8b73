# Kafka with TLS, with and without a client's certificate, and what fails.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::KafkaSecure;
use KafkaSSE::Secure;

my $kafka = KafkaSSE::KafkaSecure->new;
my $edge = $kafka->ca->issue(cn => 'edge');
my $password = 'of-the-key-4711';
my $locked = KafkaSSE::Authority::locked($edge, $password);

my $topic = $kafka->topic('tls', partitions => 2);

sub trust ($ca) {
    return "property security.protocol ssl;\n"
           . "property ssl.ca.location " . $ca->file . ";\n";
}

my $ca = trust($kafka->ca);

sub of_key ($path) { (split /\n/, slurp($path))[1] }


{
    my $node = secure_node($kafka, 'tls', $topic, $ca);
    flows('TLS', $node, $kafka, $topic);
    $node->quit;
}

{
    # the key is root's, and has a password

    my $group = unique('mtls');
    $kafka->allow('edge', topic => $topic, 'read');
    $kafka->allow('edge', group => $group, 'read');

    my $topic = $kafka->topic('mtls');
    $kafka->allow('edge', topic => $topic, 'read');

    my $key = secret(slurp($locked));
    my $file = secret("$password\r\n");

    my $node = secure_node($kafka, 'mtls', $topic, <<"END", group => $group);
$ca
property ssl.certificate.location $edge->{crt};
property_file ssl.key.pem $key;
property_file ssl.key.password $file;
END

    flows('TLS with a certificate', $node, $kafka, $topic);
    kept($node, $password, of_key($locked), of_key($edge->{key}));
    $node->quit;
}

my @wrong = (
    [ 'another host', 'elsewhere', $ca,
      qr/broker 127\.0\.0\.1:\d+: we do not accept its certificate: IP address mismatch \(subject=\/CN=elsewhere/i ],
    [ 'an expired certificate', 'expired', $ca,
      qr/we do not accept its certificate: certificate has expired/ ],
    [ 'another authority', 'tls', trust(KafkaSSE::Authority->new),
      qr/we do not accept its certificate: unable to get local issuer/ ],
    [ 'no certificate of ours', 'mtls', $ca,
      qr/no TLS: .*alert.*; it may want a certificate of ours, there is none/ ],
    [ 'a listener without TLS', 'sasl', $ca, qr/no TLS: SSL handshake/ ],
);

for my $case (@wrong) {
    my ($name, $listener, $lines, $reason) = @$case;
    my $node = secure_node($kafka, $listener, $topic, $lines);

    fails($name, $node, 'tls_errors', $reason);
    $node->quit;
}

{
    # a reload with the right one, and one notice is enough; and the name of
    # the host is looked at, or not, as it is configured

    my $node = secure_node($kafka, 'elsewhere', $topic, $ca);
    fails('the wrong name once more', $node, 'tls_errors', qr/mismatch/);

    $node->set(cluster => $ca
               . "property ssl.endpoint.identification.algorithm none;\n");
    $node->reload;

    my $sse = $node->sse('/s')->wait_position(20);
    $kafka->fill($topic, n => 10);
    $sse->wait_records(10, 20);
    is(scalar($sse->records), 10, 'a reload puts it right');
    is(cluster_status($node)->{denials}, 0, '... and nothing is denied');
}

finish;
