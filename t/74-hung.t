# A companion that hangs: after 10 s its workers end their streams cleanly and
# take no new ones, so that clients go to another node; when it is back, so
# are they.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('hung', partitions => 2);

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, workers => 2,
    server => <<"END")->start;
kafka_sse_heartbeat 500ms;
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END

$node->ready([ $topic ]);

is($node->get('/status')->{status}, 200, 'status says 200');

my @sse = map { $node->sse('/s') } 1 .. 4;
$_->wait_position for @sse;
$kafka->fill($topic, n => 10);
$_->wait_records(10) for @sse;

my $companion = $node->companion;
my $began = time;
kill STOP => $companion;

$_->wait_end(25) for @sse;
my $took = time - $began;

cmp_ok($took, '>', 5, 'a short pause is not the end');
is_deeply([ map { $_->ended } @sse ], [ ('done') x 4 ],
          'streams end cleanly') or diag($sse[0]->describe);
is_deeply([ map { $_->events->[-1]{event} } @sse ], [ ('stream-end') x 4 ],
          '... with a word') or diag($sse[0]->describe);

my $r = $node->get('/s');
is($r->{status}, 503, 'a new stream is refused');
like($r->{headers}{'retry-after'} // '', qr/^\d+$/, '... with Retry-After');
like($r->{headers}{'content-type'}, qr{^application/json}, '... as JSON');
is($node->get('/status')->{status}, 503, 'status says 503');

my $id = $sse[0]->last_id;
my $resume = $node->sse('/s', last_event_id => $id)->wait_headers;
is($resume->status, 200, 'who has a position is not refused');
$resume->close;

kill CONT => $companion;
$kafka->fill($topic, n => 20, start => 10);

wait_for(10, 'status says 200', sub {
    $node->get('/status')->{status} == 200;
});

my $again = $node->sse('/s', last_event_id => $id)->wait_records(20);
is(scalar($again->records), 20, 'when it is back, so are the streams')
    or diag($again->describe);

finish;
