# What a node that starts reads of the past: so much of it, and no more, and a
# client that was away resumes from memory.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;


# A node on these topics, when it serves them; its partitions' rows.

sub node ($history, $topics, %opt) {
    my $node = KafkaSSE::Node->new(
        kafka => $kafka, redis => $redis, %opt,
        http => $history eq '' ? '' : "kafka_sse_history $history;",
        server => <<"END")->start;
location /s { kafka_sse @$topics; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END
    $node->sse('/s')->wait_position(20)->close;

    return $node;
}

sub records ($node) {
    return [ map { map { $_->{records} } @{$_->{partitions}} }
                 @{$node->status->{topics}} ];
}

sub produce ($topic, $partition, $n, %opt) {
    my $age = $opt{age} // 0;

    $kafka->produce([ map {
        { topic => $topic, partition => $partition,
          value => 'x' x ($opt{size} // 10),
          timestamp => int(1000 * (time - $age)) }
    } 1 .. $n ]);
}


# ---- who was away resumes from memory

{
    my $topic = $kafka->topic('away', partitions => 2);
    my $node = node('', [ $topic ]);
    my $id = $node->sse('/s')->wait_position->last_id;

    $node->quit;
    produce($topic, $_, 30) for 0, 1;
    $node->start;

    my $sse = $node->sse('/s', last_event_id => $id);
    $sse->wait_records(60, 20);

    is_deeply([ map { $_->{event} } grep { $_->{event} ne 'message' }
                    @{$sse->events} ], [],
              'after a restart of the node a client resumes exactly')
        or diag($sse->describe);
    is_deeply(records($node), [ 30, 30 ], '... from memory');
    $node->quit;
}


# ---- records

{
    my $topic = $kafka->topic('records', partitions => 2);
    produce($topic, 0, 100);
    produce($topic, 1, 5);

    my $node = node('records=20', [ $topic ]);
    is_deeply(records($node), [ 20, 5 ], 'records=20 reads 20 of the past');

    my $sse = $node->sse('/s')->wait_position;
    produce($topic, 0, 3);
    $sse->wait_records(3);
    is_deeply(records($node), [ 23, 5 ], '... and what comes afterwards');
    is_deeply([ map { $_->{offset} } $sse->records(envelope => 1) ],
              [ 100, 101, 102 ], '... which is where a stream begins');
    $node->quit;

    $node = node('records=0', [ $topic ]);
    is_deeply(records($node), [ 0, 0 ], 'records=0 reads nothing');

    $sse = $node->sse('/s')->wait_position;
    produce($topic, 0, 2);
    $sse->wait_records(2);
    is_deeply([ map { $_->{offset} } $sse->records(envelope => 1) ],
              [ 103, 104 ], '... and a stream begins at the end');
    $node->quit;
}


# ---- age

{
    my $topic = $kafka->topic('age', partitions => 3);

    produce($topic, 0, 10, age => 3600);
    produce($topic, 0, 4);
    produce($topic, 1, 10, age => 3600);

    # no hole: what is late lies behind what is not

    produce($topic, 2, 7, age => 3600);
    produce($topic, 2, 2);
    produce($topic, 2, 2, age => 3600);
    produce($topic, 2, 2);

    my $node = node('', [ $topic ]);
    is_deeply(records($node), [ 4, 0, 6 ],
              'without a word none is older than 5 minutes');

    my %position = map { $_->{partition} => $_->{position} }
                   @{$node->status->{topics}[0]{partitions}};
    is_deeply(\%position, { 0 => 14, 1 => 10, 2 => 13 },
              '... and positions are at the end all the same');
    $node->quit;

    $node = node('age=2h', [ $topic ]);
    is_deeply(records($node), [ 14, 10, 13 ], 'age=2h reads them');
    $node->quit;

    $node = node('age=2h records=5', [ $topic ]);
    is_deeply(records($node), [ 5, 5, 5 ], '... within records=5');
    $node->quit;
}


# ---- bytes

{
    my $topic = $kafka->topic('bytes', partitions => 2);
    produce($topic, $_, 100, size => 1000) for 0, 1;

    my $node = node('bytes=20k', [ $topic ]);
    my $records = records($node);

    is_deeply([ grep { $_ < 15 || $_ > 20 } @$records ], [],
              'bytes=20k reads so much of each partition') or diag("@$records");
    cmp_ok($node->status->{ring}{written}, '<=', 2 * 20 * 1024 + 1024,
           '... as it is in the ring');
    $node->quit;

    # the ring: 8 partitions of 300 records do not fit, one is nearly empty

    my @topics = ($kafka->topic('ring', partitions => 7),
                  $kafka->topic('small'));
    produce($topics[0], $_, 300, size => 1000) for 0 .. 6;
    produce($topics[1], 0, 3);

    $node = node('', \@topics, zone => '1m');
    $records = records($node);

    my $status = $node->status->{ring};
    cmp_ok($status->{written}, '<=', $status->{size} / 2 + 1024,
           'the past of all partitions takes half of the ring at most');
    cmp_ok($status->{written}, '>=', $status->{size} / 3, '... and uses it');
    is($records->[7], 3, "... with all of a small partition")
        or diag("@$records");
    is(scalar(grep { $_ >= 30 } @$records), 7, '... and some of each other')
        or diag("@$records");
    $node->quit;
}

finish;
