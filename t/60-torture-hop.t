# Nothing dies; clients hop between two nodes that see partitions in another
# order, cut at any byte, and have each record once.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Torture;

my $rig = KafkaSSE::Torture->new(proxies => 1, zone => '128m', compact => 1);
my ($steady, $bursty) = $rig->topics;
my ($a, $b) = $rig->proxies;

$a->rules({ topic => $steady, partition => 3, delay => 0.8 },
          { topic => $bursty, partition => 5, delay => 0.4 });
$b->rules({ topic => $bursty, partition => 7, delay => 0.6 },
          { topic => $steady, partition => 0, delay => 0.5 });

$rig->clients('hoppers', streams => $rig->many(40, 100), hop => 1);
$rig->clients('cut', streams => $rig->many(10, 40), cut => 500_000);
$rig->produce(rate => $rig->rate(1200, 1200));

$rig->rounds(1, sub ($n) {
    $rig->phase("round $n");
    $rig->pass(20);
});

my $truth = $rig->verdict;
my $report = $rig->report('hoppers');

cmp_ok($truth->records, '>=', 20_000, 'there were many records');
cmp_ok($report->{hops}, '>=', 10 * $report->{streams}, 'each hopped often');
cmp_ok($rig->report('cut')->{dropped}, '>=', 50,
       'connections were cut at any byte');

# "order" is of what a stream received: hoppers alone tell, they were on both

my %order = map { $_->{order} => 1 } @{$report->{each}};
cmp_ok(scalar keys %order, '>', 1, 'the order was not the same on both nodes');

finish;
