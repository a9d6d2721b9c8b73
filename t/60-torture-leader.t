# Of three brokers one is killed, and with it the leader of a third of the
# partitions.  Three Kafkas are much for "make test": long form only.

# alone: what it waits for is timed

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
my $many = $rig->many(15, 15);
my @brokers = $kafka->brokers;
my ($steady) = $rig->topics;

$rig->clients('hoppers', streams => $many, hop => 1);
$rig->clients('sitters', streams => $many);

# what waits for a leader comes all at once then, from three Kafkas on our cores

$rig->produce(txn => 0, rate => $rig->rate(200, 200));

my $killed = $rig->rounds(3, sub ($n) {
    my $broker = $brokers[$n % 3];

    $rig->phase("leader $n");
    my $was = $kafka->offsets($steady)->{$steady};
    $broker->kill;
    my $began = time;

    # until Kafka takes records of all partitions again is Kafka's own time

    wait_for(60, 'Kafka has other leaders', sub {
        my $is = eval {
            (scalar $kafka->tool([ 'offsets', $steady ], timeout => 3))
            ->{$steady};
        } or return 0;
        !grep { $is->[$_]{stable} < $was->[$_]{stable} + 20 } 0 .. 11;
    }, 0.1);

    my $ready = time;
    my $flows = eval { $rig->flows("without broker $n", 30); 1 };
    my $took = time - $ready;

    ok($flows, "round $n: records flow with two brokers") or diag($@);
    cmp_ok($took, '<=', 10 * slow(), sprintf
           'round %d: ... %.1f s after Kafka had other leaders, for which it '
           . 'took %.1f s', $n, $took, $ready - $began);

    $rig->phase("back $n");
    $broker->start;
    $kafka->whole;
    $rig->flows("with all brokers, round $n");
});

$rig->verdict;
note("$killed brokers were killed");

my $report = $rig->report('sitters');
is($report->{connects}, $many, 'who stayed has kept its connection');

$rig->silent('sitters', qr/^$_/, all => undef) for qw(leader back);

finish;
