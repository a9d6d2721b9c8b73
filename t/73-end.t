# How a node ends: quit, stop, with a Kafka or a Redis that hangs, without its
# master; nobody is left, and clients are told.

# alone: it lets the Kafka that all have pause

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('end', partitions => 3);

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, workers => 2, shutdown_timeout => '5s',
    http => 'kafka_sse_drain 500ms;', server => <<"END");
location /life { kafka_sse $topic; }
END


sub started_again {
    $node->start;
    $node->ready([ $topic ]);
}


# ---- quit and stop

{
    started_again();
    my $sse = $node->sse('/life')->wait_position;
    my $began = time;

    ok($node->quit, 'quit ends it') or diag($node->titles);
    cmp_ok(time - $began, '<', 6 * slow(), '... soon');
    $sse->wait_end;
    is($sse->ended, 'done', '... and streams end cleanly')
        or diag($sse->describe);
    is(($sse->events->[-1] // {})->{event}, 'stream-end',
       '... with a word') or diag($sse->describe);

    wait_for(5, 'the group is empty', sub {
        !@{$kafka->group($node->group)->{members}};
    }, 0.1);
    pass('... and the group has no member left');
}

{
    started_again();
    my $began = time;
    ok($node->stop, 'stop ends it') or diag($node->titles);
    cmp_ok(time - $began, '<', 4 * slow(), '... soon');
}


# ---- ... with what is hung

for my $how (qw(quit stop)) {
    started_again();
    my $sse = $node->sse('/life')->wait_position;

    $kafka->pause;
    my $began = time;
    my $ok = $node->$how(12);
    my $took = time - $began;
    $kafka->resume;

    ok($ok, "$how with a hung Kafka ends it") or diag($node->titles);
    cmp_ok($took, '<', 8 * slow(), '... in time');
    $sse->close;

}

{
    started_again();
    my $sse = $node->sse('/life')->wait_position;

    $redis->pause;
    my $ok = $node->quit(12);
    $redis->resume;

    ok($ok, 'quit with a hung Redis ends it') or diag($node->titles);
}


# ---- without a master

{
    started_again();
    my $sse = $node->sse('/life')->wait_position;
    my $master = $node->master;

    $node->kill_process($master);

    ok($node->gone(10), 'without a master all leave') or diag($node->titles);
    is($sse->wait_end, 'done', '... and streams end cleanly')
        or diag($sse->describe);
    unlink $node->prefix . '/nginx.pid';
}


# ---- without a daemon

{
    $node->set(daemon => 0);
    started_again();

    my $pid = $node->companion;
    $node->reload;
    wait_for(10, 'the old companion leaves', sub {
        my @pids = $node->companions;
        @pids == 1 && $pids[0] != $pid;
    });
    pass('daemon off: a reload has one companion');

    ok($node->quit, 'daemon off: quit ends it') or diag($node->titles);
    is(KafkaSSE::Rig::wait_exit($node->{child}, 5), 0,
       'daemon off: the status is 0');
}

finish;
