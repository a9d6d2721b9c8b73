# Clients stop reading while 64 MiB go by: others do not notice, no process
# grows for them, and when they read again they have everything.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Torture;

my $backlog = 64 * 1024 * 1024;

my $rig = KafkaSSE::Torture->new(zone => '256m');
my ($node) = $rig->nodes;
my $many = $rig->many(10, 40);

my $others = $rig->clients('others', streams => $many);
my $sleepers = $rig->clients('sleepers', streams => 4);

$rig->produce(rate => 160, size => 16_000);


# private memory of all workers, KB

sub workers {
    my $sum = 0;
    $sum += KafkaSSE::Nginx->usage($_)->{anon}
        for map { $_->workers } $rig->nodes;
    return $sum;
}

sub closed_slow {
    my $sum = 0;
    $sum += $_->status->{streams}{closed}{slow} for $rig->nodes;
    return $sum;
}


$rig->rounds(1, sub ($n) {
    $rig->phase("awake $n");
    $rig->pass(4);

    my $before = workers();
    my $slow = closed_slow();
    my $peak = 0;
    my $from = $others->now->{bytes} / $many;

    $rig->phase("asleep $n");
    $sleepers->tell('stall 0 3');
    $sleepers->told;

    wait_for(60, '64 MiB go by', sub {
        my $now = workers();
        $peak = $now if $now > $peak;

        $others->now->{bytes} / $many - $from >= $backlog;
    }, 0.1);

    cmp_ok(closed_slow() - $slow, '>=', 4, "round $n: who does not read is closed");
    cmp_ok($peak - $before, '<=', 16 * 1024,
           sprintf 'round %d: workers grow by %d KB, 16 MiB at most', $n,
                   $peak - $before)
        if !$ENV{KAFKA_SSE_TEST_SANITIZER};

    $rig->phase("awoken $n");
    $sleepers->tell('go 0 3');
    $sleepers->told;
    $rig->flows('after they read again', 30);
});

$rig->verdict(seconds => 40, but => [ 'cut_chunk' ]);

my $report = $rig->report('others');
is($report->{connects}, $many, 'others keep their connections');
cmp_ok($rig->report('sleepers')->{connects}, '>', 4, 'who slept came again');

$rig->silent('others', qr/^awake/, all => undef);
$rig->silent('others', qr/^asleep/, all => 1000, p50 => 450);

# they catch up with 4 x 64 MiB on the cores that are everybody's here

$rig->silent('others', qr/^awoken/, all => 2000,
             why => 'although others catch up');

finish;
