# Offsets have holes: transactions leave markers and aborted records, compaction
# removes records.  None of that is a gap; an envelope that is lost is one.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $proxy = KafkaSSE::RedisProxy->new($redis);

my $txn = $kafka->topic('txn', partitions => 3);
my $compact = $kafka->topic('compact', partitions => 2, config => {
    'cleanup.policy' => 'compact', 'segment.ms' => 200,
    'min.cleanable.dirty.ratio' => '0.01', 'delete.retention.ms' => 1,
    'min.compaction.lag.ms' => 0, 'max.compaction.lag.ms' => 200,
});
my $lost = $kafka->topic('lost', partitions => 2);

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $proxy, server => <<"END")->start;
location /txn { kafka_sse $txn; kafka_sse_data envelope; }
location /compact { kafka_sse $compact; kafka_sse_data envelope; }
location /lost { kafka_sse $lost; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END

my @topics = ($txn, $compact, $lost);
$node->ready(\@topics);


sub gaps ($topic) {
    my ($t) = grep { $_->{topic} eq $topic } @{$node->status->{topics}};
    my $n = 0;
    $n += $_->{gaps} for @{$t->{partitions}};
    return $n;
}

sub places (@records) {
    return [ sort map { "$_->{topic}/$_->{partition}:$_->{offset}" } @records ];
}


# ---- transactions

{
    my $sse = $node->sse('/txn')->wait_position;

    for my $i (1 .. 4) {
        $kafka->txn($txn, n => 30, start => 100 * $i);
        $kafka->txn($txn, n => 20, start => 1000 * $i, commit => 0);
        $kafka->fill($txn, n => 10, start => 10_000 * $i);
    }

    $sse->wait_records(160, 20);
    $kafka->fill($txn, n => 3, start => 7);
    $sse->wait_records(163, 20);

    is_deeply(places($sse->records(envelope => 1)),
              places($kafka->consume($txn)),
              'committed records come, aborted ones do not');
    is(gaps($txn), 0, 'the holes of transactions are no gaps')
        or diag($node->errors);

    # a position behind markers only is as good as any

    $kafka->txn($txn, n => 20, commit => 0);
    my $again = $node->sse('/txn', last_event_id => $sse->last_id);
    $again->wait_position;
    $kafka->fill($txn, n => 6);
    $again->wait_records(6);
    is($again->events->[0]{event}, 'message', 'nor do they disturb a resume')
        or diag($again->describe);
}


# ---- compaction

{
    my $sse = $node->sse('/compact')->wait_position;
    my $begin = $sse->last_id;

    my $round = sub ($n) {
        $kafka->produce([ map {
            { topic => $compact, partition => $_ % 2, key => 'k' . $_ % 20,
              value => "$n-$_" }
        } 0 .. 99 ]);
    };

    $round->($_) for 1 .. 3;
    $sse->wait_records(300);
    is(gaps($compact), 0, 'live records of a compacted topic have no gaps');

    # an open segment is not compacted: a little more, until it is

    my $left;
    eval {
        wait_for(30, 'compaction', sub {
            $kafka->produce({ topic => $compact, partition => $_,
                              key => 'roll', value => 'x' }) for 0, 1;
            $left = $kafka->consume($compact);
            $left < 150;
        }, 0.5);
    } or diag("$left records are left");

    cmp_ok($left, '<', 200, 'Kafka has compacted the topic');

    # a node that starts now reads it with its holes

    $node->quit;
    $node->start;
    $node->ready(\@topics);

    $round->(4);
    my $resumed = $node->sse('/compact', last_event_id => $begin);
    my @truth = $kafka->consume($compact);

    $resumed->wait_for(20, 'the last record of each partition', sub {
        my %last;
        $last{$_->{partition}} = $_->{offset}
            for $resumed->records(envelope => 1);
        my $ends = $kafka->offsets($compact)->{$compact};
        !grep { ($last{$_} // -1) + 1 < $ends->[$_]{stable} } 0, 1;
    });

    # what was there when the node read it may be compacted by now

    my %got = map { $_ => 1 } @{places($resumed->records(envelope => 1))};
    is_deeply([ grep { !$got{$_} } @{places($kafka->consume($compact))} ], [],
              'a resume over holes brings all that is left')
        or diag($resumed->describe);
    is(gaps($compact), 0, 'the holes of compaction are no gaps')
        or diag($node->errors);
    is_deeply($resumed->faults, [], 'the stream is proper');
}


# ---- an envelope that Redis has lost

{
    my $sse = $node->sse('/lost')->wait_position;

    $kafka->fill($lost, n => 20);
    $sse->wait_records(20);
    is(gaps($lost), 0, 'no gap so far');

    $proxy->rules({ topic => $lost, partition => 1, drop => 1 });
    $kafka->fill($lost, n => 10, start => 100);
    wait_for(10, 'the message is dropped', sub { $proxy->counts->{dropped} });
    $kafka->fill($lost, n => 10, start => 200);

    eval { wait_for(10, 'the gap is seen', sub { gaps($lost) }) };
    is(gaps($lost), 1, 'a lost envelope is a gap, and counted');
    cmp_ok(scalar($node->log_lines(qr/\[warn\].*gap in \Q$lost\E/)), '>=', 1,
           '... and said') or diag($node->errors);

    $sse->wait_records(40, 15);
    is_deeply(places($sse->records(envelope => 1)),
              places($kafka->consume($lost)),
              '... and its records come from Kafka');
}

finish;
