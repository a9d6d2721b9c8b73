# Kafka with SCRAM.  librdkafka before 2.6.1 does not understand the SCRAM of
# Kafka 4, and says "invalid credentials": with such a one we take Kafka 3.9,
# and see that the log tells what is wrong with Kafka 4.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::KafkaSecure;
use KafkaSSE::Secure;

my $password = 'of-edge-1c9a';
my $wrong = 'of-nobody-77d0';

my $old = KafkaSSE::Kafka::librdkafka() < 2_006_001;
my $kafka = KafkaSSE::KafkaSecure->new(
    scram => { edge => $password }, version => $old ? '3.9' : undef);
my $ca = $kafka->ca->file;

sub lines ($mechanism, $path, $protocol) {
    return <<"END";
property security.protocol $protocol;
property ssl.ca.location $ca;
property sasl.mechanism $mechanism;
property sasl.username edge;
property_file sasl.password $path;
END
}

my $file = secret($password);

for my $case ([ 'SCRAM-SHA-256', 'sasl', 'sasl_plaintext' ],
              [ 'SCRAM-SHA-512', 'sasltls', 'sasl_ssl' ])
{
    my ($mechanism, $listener, $protocol) = @$case;
    my $group = unique('scram');
    my $topic = $kafka->topic('scram', partitions => 2);

    $kafka->allow('edge', topic => $topic, 'read');
    $kafka->allow('edge', group => $group, 'read');

    my $node = secure_node($kafka, $listener, $topic,
                           lines($mechanism, $file, $protocol),
                           group => $group);

    flows("$mechanism by $protocol", $node, $kafka, $topic);
    kept($node, $password);
    $node->quit;
}

{
    my $topic = $kafka->topic('wrong');
    my $node = secure_node($kafka, 'sasl', $topic,
        lines('SCRAM-SHA-512', secret($wrong), 'sasl_plaintext'));

    fails('a wrong password', $node, 'authentication_errors',
          $old ? qr/user "edge" by SCRAM-SHA-512: .*; librdkafka before 2\.6\.1, as this one, fails so with the right password, too/
               : qr/user "edge" by SCRAM-SHA-512: (?!.*2\.6\.1)/);
    kept($node, $wrong);
    $node->quit;
}

if ($old) {
    my $new = KafkaSSE::KafkaSecure->new(scram => { edge => $password });
    my $topic = $new->topic('new');
    my $node = secure_node($new, 'sasl', $topic,
        lines('SCRAM-SHA-512', $file, 'sasl_plaintext'));

    fails('the right password, but this Kafka', $node,
          'authentication_errors', qr/librdkafka before 2\.6\.1/);
    $node->quit;
}

finish;
