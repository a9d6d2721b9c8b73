# A reload under 500 streams: each gets a clean end or goes on, none sees a
# cut chunk, and the old workers are gone when worker_shutdown_timeout is over.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $streams = 500;
my $records = 6000;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('reload', partitions => 4);

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, workers => 2, shutdown_timeout => '6s',
    zone => '32m', http => 'kafka_sse_drain 2s;', server => <<"END")->start;
kafka_sse_retry 500ms jitter=500ms;
location /s { kafka_sse $topic; kafka_sse_data envelope; }
END

$node->ready([ $topic ]);

my $swarm = KafkaSSE::Swarm->new(
    nodes => [ $node ], path => '/s', streams => $streams,
    expect => $records, seconds => 50);

$swarm->wait_for(20, 'all streams are open', sub ($now) {
    $now->{positioned} == $streams;
});

my @old = $node->workers;
my $filling = $kafka->filling($topic, n => $records, rate => 500, size => 300);

$swarm->wait_for(20, 'records flow', sub ($now) { $now->{least} > 200 });

my $began = time;
$node->reload;

my $left = eval {
    wait_for(9, 'the old workers leave', sub {
        my %now = map { $_ => 1 } $node->workers;
        !grep { $now{$_} } @old;
    });
};
my $took = time - $began;

ok($left, 'the old workers leave') or diag($node->titles);
cmp_ok($took, '<', 7 * slow(), sprintf '... after %.1f s', $took);

$filling->finish;
my $report = $swarm->finish;

is($report->{complete}, $streams, 'every stream has every record')
    or diag(json_encode({ %$report, each => [] }));
$swarm->ok_clean($report, '... once and in order; no cut chunk, no cut '
                          . 'connection, no refusal',
                 qw(resets cut reset refused other_status));
cmp_ok($report->{connects}, '<=', 2 * $streams, 'each came again at most once');
is($report->{clean}, $report->{connects} - $streams,
   'each end was a clean end');

my %digests = map { $_->{digest} => 1 } @{$report->{each}};
is(scalar keys %digests, 1, 'all have the same records');

note(sprintf '%d streams came again, latency p50 %d, p99 %d, max %d ms',
     $report->{connects} - $streams, @{$report->{latency}}{qw(p50 p99 max)});


# ---- a topic that a reload adds is there soon

{
    my $added = $kafka->topic('added', partitions => 4);
    $kafka->fill($added, n => 40);

    $node->set(server => <<"END");
location /s { kafka_sse $topic; }
location /added { kafka_sse $added; kafka_sse_data envelope; }
END

    my $began = time;
    $node->reload;

    my $sse = $node->sse('/added?since=earliest');
    $sse->wait_records(40);
    my $took = time - $began;

    cmp_ok($took, '<', 2 * slow(),
           sprintf 'a topic that a reload adds streams after %.1f s', $took);
}

finish;
