# "kafka_sse_backlog": what a worker keeps for clients that do not read has a
# cap, and it is those furthest behind who pay for it.

# alone: it measures memory

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('backlog', partitions => 2);
my $large = $kafka->topic('large',
                          config => { 'max.message.bytes' => 8_000_000 });

my $cap = 4 * 1024 * 1024;

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, zone => '64m', tls => 1, workers => 1,
    http => <<'CONF', server => <<"END")->start;
kafka_sse_backlog 4m;
kafka_sse_slow lag=1024m buffer=32k;
log_format stream '$uri lag=$kafka_sse_lag reason=$kafka_sse_close_reason';
access_log logs/stream.log stream;
CONF
kafka_sse_data envelope;
location = /s { kafka_sse $topic; }
location = /raw { kafka_sse $topic; chunked_transfer_encoding off; }
location = /value { kafka_sse $topic; kafka_sse_data value; }
location = /large { kafka_sse $large; kafka_sse_slow lag=64k buffer=32k; }
location = /status { kafka_sse_status; }
END

$node->ready([ $topic, $large ]);

my ($worker) = $node->workers;
my $good = $node->sse('/s')->wait_position;
my $n = 0;

sub fill ($records, %opt) {
    $kafka->fill($topic, n => $records, size => 500, %opt);
    $n += $records;
    $good->wait_records($n, 30);
}

sub streams { $node->status->{streams} }
sub backlog { (streams()->{workers}[0])->{backlog} }
sub shut { streams()->{backlog_closed} }

sub slow_lines {
    return grep { / reason=slow$/ }
           split /\n/, slurp($node->prefix . '/logs/stream.log');
}

sub places (@records) {
    return sort map { $_->{data} =~ /"partition":(\d+),"offset":(\d+)/
                      ? "$1:$2" : '?' } @records;
}

is(streams()->{backlog_limit}, $cap, 'the status has the cap');
is(backlog(), 0, 'nothing waits for nobody');


# ---- the one that is furthest behind, and no other

{
    my $far = $node->sse('/s', rcvbuf => 65536, reconnect => 0.05);
    my $near = $node->sse('/s', rcvbuf => 65536, reconnect => 0.05);
    $_->wait_position for $far, $near;

    $far->pause;
    fill(3500);
    $near->wait_records(3500, 30);
    $near->pause;

    wait_for(10, 'something waits', sub { backlog() > 1_000_000 });
    is(shut(), 0, 'below the cap nobody is closed');
    is(streams()->{open}, 3, '... all are there');

    fill(3500);

    wait_for(10, 'the one furthest behind is closed', sub { shut() });
    is(streams()->{closed}{slow}, 1,
       'above it the one furthest behind is, with reason slow');
    is(streams()->{open}, 2, '... others stay');
    cmp_ok(backlog(), '<=', $cap, '... and less waits');

    my ($line) = slow_lines();
    my ($lag) = ($line // '') =~ m{^/s lag=(\d+) reason=slow$};
    cmp_ok($lag // 0, '>', 0.8 * $cap, '... the access log knows how much')
        or diag($line // 'no line');

    $_->resume for $far, $near;
    $_->wait_records($n, 30) for $far, $near;

    is($far->connects, 2, 'the client comes back');
    is($near->connects, 1, '... the other one has stayed');

    for my $sse ($far, $near) {
        is_deeply([ places($sse->records) ], [ places($good->records) ],
                  '... and has each record once');
        is_deeply([ grep { $_->{event} =~ /^stream-/ } @{$sse->events} ], [],
                  '... without a word of it') or diag($sse->describe);
        $sse->close;
    }

    my @warn = $node->log_lines(qr/\[warn\].*kafka_sse_backlog is $cap/);
    is(scalar @warn, 1, 'the log tells of it once');
    like($warn[0] // '', qr/ \d{7} bytes wait .* 1 of 3 streams /,
         '... with numbers');

    $node->wait_log('its end', sub {
        $node->log_lines(qr/\[notice\].*below kafka_sse_backlog again, 1 /);
    });
    pass('... and of its end');
}


# ---- many, in several groups, over every kind of connection

{
    my $before = shut();
    my @paths = (map { ([ '/s' ], [ '/raw' ], [ '/value' ],
                        [ '/s', tls => 1 ]) } 1 .. 5);
    my @stuck = map { my ($path, @opt) = @$_;
                      $node->sse($path, rcvbuf => 65536, @opt) } @paths;
    my $other = $node->sse('/raw')->wait_position;

    $_->wait_position for @stuck;
    $_->pause for @stuck;

    my $had = KafkaSSE::Nginx->usage($worker)->{anon};
    my $filling = $kafka->filling($topic, n => 20000, size => 500,
                                  rate => int(4000 / slow()));
    my $most = 0;

    # 10 MB for each group, no faster than this program reads

    $good->wait_for(60, 'all records', sub {
        my $now = backlog();
        $most = $now if $now > $most;
        $good->records >= $n + 20000;
    });
    $filling->finish;
    $n += 20000;

    my $shut;
    eval {
        wait_for(10, 'all that are stuck are closed', sub {
            ($shut = shut() - $before) >= @stuck;
        });
    };
    is($shut, scalar @stuck, 'clients that read nothing are closed, all');

    $other->wait_records(20000, 30);
    is_deeply([ places($other->records) ],
              [ places(($good->records)[-20000 .. -1]) ],
              'one that reads has each record once');
    is_deeply([ map { @{$_->faults} } $other, $good ], [],
              '... in a proper stream');
    is(join(' ', map { $_->connects } $other, $good), '1 1',
       '... and has stayed');

    cmp_ok($most, '<=', $cap + 1024 * 1024, 'never much more waits');
    cmp_ok($most, '>', $cap / 2, '... but as much as may')
        or diag($most);

    my $more = KafkaSSE::Nginx->usage($worker)->{anon} - $had;
    cmp_ok($more, '<=', 3 * $cap / 1024,
           "... and the worker is not larger (by $more KB)")
        if !$ENV{KAFKA_SSE_TEST_SANITIZER};

    $_->resume for @stuck;
    $_->wait_end for @stuck;
    $_->close for @stuck, $other;
}


# ---- a record larger than what may wait for a client, and than the cap

{
    wait_for(10, 'only one stream', sub { streams()->{open} == 1 });

    my $before = shut();
    my $reads = $node->sse('/large')->wait_position;
    my $slowly = $node->sse('/large', rcvbuf => 65536)->wait_position;
    my $stuck = $node->sse('/large', rcvbuf => 65536)->wait_position;

    $stuck->pause;
    $slowly->pause;

    $kafka->produce([ { topic => $large, value => 'x' x 5_000_000 } ]);

    # reads what has come, ten times a second

    my $next = 0;

    $slowly->wait_for(60, 'a record of 5 MB', sub {
        if (time >= $next) {
            $slowly->resume;
            $next = time + 0.1;
        } else {
            $slowly->pause;
        }

        $slowly->records;
    });

    $reads->wait_records(1);

    is(length((json_decode(($_->records)[0]{data}))->{value}), 5_000_000,
       'a record larger than the limits gets through')
        for $reads, $slowly;
    is($_->connects, 1, '... in one connection') for $reads, $slowly;

    wait_for(10, 'the stuck one is closed', sub { shut() == $before + 1 });
    pass('... but a client that takes nothing is closed');
    is(streams()->{open}, 3, '... alone');

    wait_for(10, 'nothing waits', sub { backlog() == 0 });
    pass('nothing is left of it');
    $_->close for $reads, $slowly, $stuck;
}

is_deeply([ $node->log_lines(qr/\[(?:crit|error|alert)\]/) ], [],
          'no error is in the log');
is(($node->workers)[0], $worker, 'the worker is the same');

finish;
