# Clients read everything from the beginning, which the ring does not have any
# more, while others are live.  Those who replay are cut and hop, too, and all
# end with the same records.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Torture;

my $long = KafkaSSE::Torture::long();
my $past = $long ? 200_000 : 20_000;
my $replays = $long ? 40 : 10;

my $rig = KafkaSSE::Torture->new(zone => '4m');
my ($steady, $bursty) = $rig->topics;
my ($a) = $rig->nodes;

# the position before everything

my $sse = $a->sse('/all')->wait_position;
my $begin = $sse->last_id;
$sse->close;

$rig->kafka->fill([ $steady, $bursty ], n => $past, size => 200,
                  rate => 10_000);

# who is live begins behind them all, and is asked for what comes from here

my $live = $rig->clients('live', streams => $rig->many(50, 100));
my $ends = $rig->kafka->offsets($steady, $bursty);

$rig->produce(rate => $rig->rate(300, 500));

$rig->phase('alone');
$rig->pass(5);

$rig->phase('replaying');
my $began = time;

$rig->clients('replaying', streams => $replays, ids => [ $begin ]);
$rig->clients('cut', streams => $replays, ids => [ $begin ],
              cut => 2_000_000);
$rig->flows('that were replayed', $long ? 300 : 60);

my $took = time - $began;
$rig->phase('replayed');
$rig->pass(2);

$rig->begins('live', $ends);
$rig->verdict;

my $records = $rig->report('replaying')->{records};
my ($p50, $p99) = $rig->latency('live', 'alone');
my ($then50, $then99) = $rig->latency('live', 'replaying');

cmp_ok($records, '>=', $replays * $past, 'the whole past was replayed');
cmp_ok($rig->report('cut')->{dropped}, '>=', $replays,
       'replays were cut on their way');
is($rig->report('live')->{connects}, $live->{streams},
   'who is live keeps the connection');

note(sprintf '%d replays of %d records took %.1f s; latency of %d live ones '
             . 'alone p50 %d, p99 %d ms, meanwhile p50 %d, p99 %d ms',
     2 * $replays, $past, $took, $live->{streams}, $p50, $p99, $then50,
     $then99);

# The table wants p99 to rise by less than 20 %, reported: all who replay, who
# are live and Kafka share these two cores.  What must not be is that those who
# are live wait for those who replay.

$rig->silent('live', qr/^replaying/, all => 1500,
             why => 'while others replay');

finish;
