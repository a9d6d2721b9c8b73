# What happens to the node that owns half of the partitions: the other node's
# streams are silent for 3 s at most, and nobody loses anything.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Torture;

my $rig = KafkaSSE::Torture->new(http => 'kafka_sse_drain 2s;',
                                 shutdown_timeout => '4s');
my ($a, $b) = $rig->nodes;
my $many = $rig->many(15, 40);

$rig->clients('hoppers', streams => $many, hop => 1);
$rig->clients('at a', streams => $many, nodes => [ $a ]);
$rig->produce;


# Both are there again, and own half of the partitions each.

sub whole {
    my @given = map { scalar @{$_->{partitions}} } @{$rig->ready->{members}};
    $rig->wait_source('redis') or return 0;
    $rig->flows('of two nodes again');
    return "@given" eq '12 12';
}

sub dies {
    my @pids = map { $_->{pid} } $b->procs;

    $b->{killed}{$_} = 'KILL' for @pids;
    kill KILL => @pids;
    wait_for(5, 'all of its processes end', sub { !$b->procs });
}


$rig->rounds(1, sub ($n) {

    # ---- its companion is stopped

    $rig->phase("stopped $n");
    my $companion = $b->companion;
    my $end = time + 5;

    kill STOP => $companion;
    my $away = eval {
        wait_for(5, "its partitions are read from Kafka",
                 sub { $rig->source($a) eq 'kafka redis' });
    };
    ok($away, "round $n: partitions of a stopped owner are read from Kafka")
        or diag($@);

    # for longer than it takes the other node to notice, less than the 10 s
    # after which this one's workers end their streams

    sleep 0.02 while time < $end;
    kill CONT => $companion;

    $rig->flows('after the owner was stopped', 15);
    ok(whole(), "round $n: two owners again, after a stop");


    # ---- all of it is killed

    $rig->phase("killed $n");
    dies();
    $rig->flows('after the owner was killed', 15);
    $b->start;
    ok(whole(), "round $n: two owners again, after kill -9");


    # ---- it quits

    $rig->phase("quit $n");
    ok($b->quit(20), "round $n: the owner quits") or diag($b->titles);
    $rig->flows('after the owner has quit', 15);
    $b->start;
    ok(whole(), "round $n: two owners again, after a quit");


    # ---- a rolling restart: one after the other, as an upgrade does it

    for my $node ($a, $b) {
        my $which = $node == $a ? 'a' : 'b';

        $rig->phase("rolling $which $n");
        ok($node->quit(20), "round $n: rolling, $which quits")
            or diag($node->titles);
        $node->start;
        ok(whole(), "round $n: two owners again, after $which was restarted");
    }
});


# who was cut by a kill -9 may have been in the middle of a chunk

$rig->verdict(but => [ 'cut_chunk' ]);

$rig->silent('at a', qr/^$_/, all => 3000) for qw(stopped killed quit);
$rig->silent('at a', qr/^rolling b/, all => 3000);
$rig->silent('hoppers', qr/./, all => undef);

# a's own restart ends its clients' connections, and they have nowhere to go

$rig->silent('at a', qr/^rolling a/, all => undef);

finish;
