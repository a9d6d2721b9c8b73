# Kafka, Redis or a topic that is not there at the start: nginx starts, says
# so once, serves heartbeats, and streams when it appears.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;

my $server = <<'END';
kafka_sse_heartbeat 200ms;
kafka_sse_retry 100ms;
END


# A node is there without the thing; then it comes, then records do.

sub absent ($name, $node, $topics, $appears, $said) {
    my $began = time;
    ok(eval { $node->start; 1 }, "without $name nginx starts") or diag($@);
    cmp_ok(time - $began, '<', 3 * slow(), '... at once');

    my $sse = $node->sse('/s');
    $sse->wait_for(10, 'heartbeats', sub { @{$sse->comments} >= 15 });

    is($sse->status, 200, '... serves streams');
    ok(defined $sse->retry, '... with their first bytes');
    is($sse->ended, undef, '... and heartbeats') or diag($sse->describe);

    # three seconds and more have passed: what is said each second would be
    # there three times

    my @said = grep { !/\[(?:info|debug)\]/ } $node->log_lines($said);
    cmp_ok(scalar @said, '>=', 1, '... says so') or diag($node->errors);
    cmp_ok(scalar @said, '<=', 2, '... but not each second') or diag(@said);

    my @errors = split /^/m, $node->errors;
    cmp_ok(scalar @errors, '<=', 6, '... and not much else') or diag(@errors);

    my $pid = $node->companion;

    $appears->();

    $sse->wait_position(30);
    my @topics = @$topics;
    $node->{kafka}->fill(\@topics, n => 100);
    $sse->wait_records(100, 30);

    is(scalar($sse->records), 100, "$name appears: the open stream goes on");
    is($sse->connects, 1, '... without a reconnect');
    is($node->companion, $pid, '... of the same companion');
    is_deeply($sse->faults, [], '... properly');

    $node->ready($topics);
}


{
    my $topic = unique('late-topic');
    my $node = KafkaSSE::Node->new(
        kafka => $kafka, redis => $redis,
        server => $server . "location /s { kafka_sse $topic; }");

    absent('the topic', $node, [ $topic ],
           sub { $kafka->create($topic, partitions => 3) }, qr/\Q$topic/);

    # more partitions, while it runs

    my $sse = $node->sse('/s')->wait_position;
    $kafka->partitions($topic, 5);
    $kafka->fill($topic, n => 50, partition => 4);
    $sse->wait_records(50, 30);
    is(scalar($sse->records), 50, 'a partition that comes later is read from '
                                  . 'its beginning');

    $node->quit;
}

{
    # what is produced before the node knows the topic belongs to it

    my ($here, $late) = ($kafka->topic('here'), unique('from-beginning'));
    my $node = KafkaSSE::Node->new(
        kafka => $kafka, redis => $redis,
        server => $server . "location /s { kafka_sse $here $late; }")->start;

    my $sse = $node->sse('/s')->wait_position;
    $kafka->create($late, partitions => 2);
    $kafka->fill($late, n => 40);
    $sse->wait_records(40, 30);

    is(scalar($sse->records), 40,
       'a topic first seen while running starts at its beginning');

    $kafka->fill([ $here, $late ], n => 20);
    $sse->wait_records(60, 30);
    $node->quit;
}

{
    my $topic = $kafka->topic('no-redis', partitions => 3);
    my $none = KafkaSSE::Redis->new(start => 0);
    my $node = KafkaSSE::Node->new(
        kafka => $kafka, redis => $none,
        server => $server . "location /s { kafka_sse $topic; }");

    absent('Redis', $node, [ $topic ], sub { $none->start },
           qr/Redis.*\b$none->{port}\b/);

    # away, and here again

    my $sse = $node->sse('/s')->wait_position;
    $none->kill;
    my $filling = $kafka->filling($topic, n => 1000, rate => 500);
    wait_for(5, 'Redis is missed', sub {
        $node->log_lines(qr/Redis.*\b$none->{port}\b/) > 1
    });
    $none->start;
    $filling->finish;
    $sse->wait_records(1000, 30);
    is(scalar($sse->records), 1000, 'Redis away and back: nothing is lost');
    $node->quit;
}

{
    my $none = KafkaSSE::Kafka->new(start => 0);
    my $topic = unique('no-kafka');
    my $node = KafkaSSE::Node->new(
        kafka => $none, redis => $redis,
        server => $server . "location /s { kafka_sse $topic; }");

    absent('Kafka', $node, [ $topic ],
           sub { $none->start; $none->create($topic, partitions => 3) },
           qr/127\.0\.0\.1:$none->{port}/);
    $node->quit;
}

finish;
