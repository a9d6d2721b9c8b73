# The broker is killed, and stopped: clients stay, have heartbeats, and have
# everything within 10 s of its return.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Torture;

my $long = KafkaSSE::Torture::long();
my $kafka = KafkaSSE::Kafka->new;

# What has waited for the broker comes at once: a burst is no reason to close
# those who take it.

my $rig = KafkaSSE::Torture->new(kafka => $kafka, location => <<'END');
kafka_sse_heartbeat 1s;
END
my ($a, $b) = $rig->nodes;
my $many = $rig->many(15, 40);

my $hoppers = $rig->clients('hoppers', streams => $many, hop => 1);
my $sitters = $rig->clients('sitters', streams => $many);

# transactions have an end of their own when a broker dies

$rig->produce(txn => 0);


sub away ($phase, $seconds, $away, $back) {
    my $before = $sitters->now->{comments};

    $rig->phase($phase);
    $away->();
    my $began = time;

    # for as long as it is away, and each in time

    my $beats = eval {
        wait_for($seconds + 5, 'heartbeats', sub {
            $sitters->now->{comments} - $before >= $many * ($seconds - 1);
        });
    };
    ok($beats, "$phase: heartbeats go on") or diag($@);

    $rig->pass($seconds - (time - $began)) if time - $began < $seconds;
    $back->();

    my $returned = time;
    my $flows = eval { $rig->flows("after \"$phase\"", 20); 1 };
    my $took = time - $returned;

    ok($flows, "$phase: records flow again") or diag($@);
    cmp_ok($took, '<=', 10 * slow(),
           sprintf '%s: ... %.1f s after its return', $phase, $took);

    ok($rig->wait_source('redis', seconds => 40),
       "$phase: both nodes return to Redis");
}

$rig->rounds(1, sub ($n) {
    away("killed $n", 5, sub { $kafka->kill }, sub { $kafka->start });
    away("stopped $n", $long ? 15 : 5, sub { $kafka->pause },
         sub { $kafka->resume });
});

my %closed = map { $_->{name} => $_->status->{streams}{closed} } $rig->nodes;
note('closed: ', json_encode(\%closed));

$rig->verdict;

my $report = $rig->report('sitters');
is($report->{connects}, $many, 'who stayed has kept its connection');
is($rig->report('hoppers')->{$_}, 0, "who hopped was never \"$_\"")
    for qw(refused other_status cut reset);

finish;
