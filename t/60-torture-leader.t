# Of three brokers one is killed, and with it the leader of a third of the
# partitions.  Three Kafkas are much for "make test": long form only.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::KafkaCluster;
use KafkaSSE::Torture;

plan skip_all => 'three brokers are for "make torture"'
    if !KafkaSSE::Torture::long();

my $kafka = KafkaSSE::KafkaCluster->new;
my $rig = KafkaSSE::Torture->new(kafka => $kafka,
                                 location => 'kafka_sse_heartbeat 1s;');
my $many = $rig->many(15, 40);
my @brokers = $kafka->brokers;

$rig->clients('hoppers', streams => $many, hop => 1);
$rig->clients('sitters', streams => $many);
$rig->produce(txn => 0);

my $killed = $rig->rounds(3, sub ($n) {
    my $broker = $brokers[$n % 3];

    $rig->phase("leader $n");
    $broker->kill;

    my $flows = eval { $rig->flows("without broker $n", 20); 1 };
    ok($flows, "round $n: records flow with two brokers") or diag($@);

    $rig->phase("back $n");
    $broker->start;
    $kafka->whole;
    $rig->flows("with all brokers, round $n");
});

$rig->verdict;
note("$killed brokers were killed");

my $report = $rig->report('sitters');
is($report->{connects}, $many, 'who stayed has kept its connection');

# Kafka needs its time to choose another leader, and clients to find it

$rig->silent('sitters', qr/^leader/, all => 15_000,
             why => "most of it is Kafka's");
$rig->silent('sitters', qr/^back/, all => undef);

finish;
