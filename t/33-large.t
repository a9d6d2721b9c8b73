# A record that is too large for Redis is left to Kafka: each node reads it
# there, and it comes once and in its place.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $size = 10_000_000;
my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;

# as it is without a word; the rig's has more

$redis->cmd(qw(CONFIG SET client-output-buffer-limit),
             'pubsub 33554432 8388608 60');
like($redis->cmd(qw(CONFIG GET client-output-buffer-limit))->[1],
     qr/pubsub 33554432 8388608 60/, 'Redis has its default limits');

my $topic = $kafka->topic('large', partitions => 2,
                          config => { 'max.message.bytes' => 12_000_000 });

my $server = <<"END";
location /s { kafka_sse $topic; }
location /status { kafka_sse_status json; }
END

my %fleet = (kafka => $kafka, redis => $redis, group => unique('large'),
             zone => '128m', server => $server);
my @nodes = map { KafkaSSE::Node->new(%fleet)->start } 1, 2;

$nodes[0]->ready([ $topic ], members => 2);
my @streams = map { $_->sse('/s')->wait_position } @nodes;


sub produce (@sizes) {
    return $kafka->produce([ map {
        { topic => $topic, partition => 0, key => "$_",
          value => substr('0123456789' x ($_ / 10 + 1), 0, $_) }
    } @sizes ]);
}

sub total ($status, $what) {
    my $n = 0;
    $n += $_->{$what} for @{$status->{topics}[0]{partitions}};
    return $n;
}


produce(10, 20, $size, 30, 40);

for my $sse (@streams) {
    eval { $sse->wait_records(5, 30); 1 }
        or diag($@, $sse->{node}->errors);

    is_deeply([ map { length $_->{data} } $sse->records ],
              [ 10, 20, $size, 30, 40 ],
              'a record of 10 MB comes whole, once and in its place');
}

for my $node (@nodes) {
    my $status = $node->status;
    is(total($status, 'gaps'), 1, '... as a gap');
    cmp_ok(total($status, 'records_repaired'), '>=', 1, '... from Kafka');
    is($status->{redis}{reconnects}, 0, '... and Redis has cut nobody');
    is($status->{redis}{envelopes_bad}, 0, '... nor been asked for too much');
}

is(scalar(map { $_->log_lines(qr/\Q$topic\E.* is left to Kafka/) } @nodes), 1,
   '... which its owner says');


# ---- with nothing behind it, it is the beacon that tells

produce($size);
my $began = time;

for my $node (@nodes) {
    wait_for(20, 'the last one is there', sub {
        $node->status->{topics}[0]{partitions}[0]{position} == 6
    }, 0.05);
}

cmp_ok(time - $began, '<', 3 * slow(), 'one that is the last comes, too');

for my $sse (@streams) {
    eval { $sse->wait_records(6, 30); 1 } or diag($@, $sse->{node}->errors);
    is(scalar($sse->records), 6, '... to the client');
}

# and what is a little smaller goes through Redis

my $gaps = total($nodes[0]->status, 'gaps');
produce(8_000_000, 10);

for my $sse (@streams) {
    eval { $sse->wait_records(8, 30); 1 } or diag($@, $sse->{node}->errors);
    is(scalar($sse->records), 8, 'one of 8 MB comes');
    is_deeply($sse->faults, [], '... in a proper stream');
    is($sse->connects, 1, '... of one connection');
}

is(total($nodes[0]->status, 'gaps'), $gaps, '... through Redis');

finish;
