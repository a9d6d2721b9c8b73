# "kafka_sse_flush": records are gathered before they are sent; who comes
# meanwhile misses nothing and gets nothing twice.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('flush', partitions => 2);

my $wait = 2 * slow();

# one worker: what its stream without a flush time has, it has for all

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, tls => 1, workers => 1,
    http => <<'CONF', server => <<"END")->start;
kafka_sse_drain 300ms;
log_format stream '$uri records=$kafka_sse_records lag=$kafka_sse_lag '
                  'reason=$kafka_sse_close_reason';
access_log logs/stream.log stream;
CONF
kafka_sse_flush 200ms;
location = /plain { kafka_sse $topic; kafka_sse_flush 0; }
location = /s { kafka_sse $topic; }
location = /second { kafka_sse $topic; kafka_sse_flush ${wait}s; }
location = /long { kafka_sse $topic; kafka_sse_flush 60s; }
location = /hour { kafka_sse $topic; kafka_sse_flush 60s;
                   kafka_sse_max_duration 3s jitter=0; }
location = /beat { kafka_sse $topic; kafka_sse_flush 60s;
                   kafka_sse_heartbeat 400ms; }
location = /gzip { kafka_sse $topic;
                   gzip on; gzip_types text/event-stream; gzip_min_length 0; }
END

$node->ready([ $topic ]);

my $plain = $node->sse('/plain')->wait_position;
my $n = 0;

# Produces a record and waits until the stream without a flush time has it: so
# all streams of the worker have it sent, or gathered.

sub record ($value = undef) {
    $n++;
    $kafka->produce([ { topic => $topic, partition => $n % 2,
                        value => $value // "r$n" } ]);
    $plain->wait_records($n);
}

sub values_of ($sse) { join ' ', map { $_->{data} } $sse->records }

sub expected ($from, $to) { join ' ', map { "r$_" } $from .. $to }


# ---- gathered, over every kind of connection

{
    my %kind = (
        'HTTP/1.1' => $node->sse('/s'),
        'HTTP/1.0' => $node->sse('/s', http => '1.0'),
        'TLS'      => $node->sse('/s', tls => 1),
        'HTTP/2'   => $node->sse('/s', tls => 1, http => '2'),
        'gzip'     => $node->sse('/gzip', curl_options => [ '--compressed' ]),
    );

    $_->wait_position for values %kind;

    record() for 1 .. 25;
    $_->wait_records(25) for values %kind;

    my @alone = $plain->records;
    my $took = $alone[-1]{time} - $alone[0]{time};

    for my $name (sort keys %kind) {
        my $sse = $kind{$name};
        my @records = $sse->records;

        is(values_of($sse), expected(1, 25),
           "$name: each record once and in order");
        is_deeply($sse->faults, [], '... in a proper stream');

        # Two sends are 200 ms apart, so there are not more of them than that,
        # however long it took.  A machine that is busy may only join them.

        my $bursts = 1 + grep { $records[$_]{time} - $records[$_ - 1]{time}
                                > 0.1 } 1 .. $#records;
        my @waited = map { $records[$_]{time} - $alone[$_]{time} } 0 .. 24;
        my ($most) = sort { $b <=> $a } @waited;

        cmp_ok($bursts, '<=', 2 + $took / 0.2, "... gathered, $bursts bursts");
        cmp_ok($bursts, '<', 25, '... fewer than records');
        cmp_ok($waited[0], '>', 0.1, '... the first one waits for others');
        cmp_ok($most, '<', 0.2 + 0.3 * slow(), '... and none for longer');
    }

    note(sprintf '%d records in %.1f s', 25, $took);
    $_->close for values %kind;
}


# ---- who comes while records are gathered

{
    my $there = $node->sse('/second')->wait_position;
    my $before = $there->last_id;
    my $first = $n + 1;

    record() for 1 .. 3;

    my $fresh = $node->sse('/second')->wait_position;
    my $back = $node->sse('/second', last_event_id => $before);
    my $equal = $node->sse('/second', last_event_id => $plain->last_id);

    $back->wait_records(3);
    $equal->wait_position;

    is(values_of($there), '', 'records are being gathered');
    is(values_of($back), expected($first, $first + 2),
       'a stream that resumes has them at once');
    is($fresh->last_id, $plain->last_id,
       'the position of a fresh stream is behind them');

    record() for 1 .. 2;

    my $late = $node->sse('/second')->wait_position;

    record();

    $there->wait_records(6);
    $_->wait_records(3) for $fresh, $equal;
    $back->wait_records(6);
    $late->wait_records(1);

    record() for 1 .. 2;

    $_->wait_for(10, 'the last record', sub {
        $_->last_id eq $plain->last_id;
    }) for $there, $fresh, $back, $equal, $late;

    my @has = ([ 'who was there' => $there, 0 ],
               [ 'who resumes from before them' => $back, 0 ],
               [ 'who comes' => $fresh, 3 ],
               [ 'who resumes behind them' => $equal, 3 ],
               [ 'who comes later' => $late, 5 ]);

    for my $case (@has) {
        my ($name, $sse, $skip) = @$case;

        is(values_of($sse), expected($first + $skip, $n),
           "$name has what is from there on, once");
        is_deeply($sse->faults, [], '... in a proper stream');
        is_deeply([ grep { $_->{event} ne 'message' } @{$sse->events} ], [],
                  '... and nothing else');
        $sse->close;
    }
}


# ---- much does not wait, nor does it where a heartbeat is due

{
    my $long = $node->sse('/long')->wait_position;
    my $beat = $node->sse('/beat')->wait_position;
    my $first = $n + 1;

    record();
    $beat->wait_records(1);
    is(values_of($beat), "r$n", 'what is gathered is as good as a heartbeat');
    is(values_of($long), '', '... and waits where none is due');

    record('x' x 1000) for 1 .. 3;
    $kafka->fill($topic, n => 200, size => 1000);
    $n += 200;
    $plain->wait_records($n);
    $long->wait_records(100);

    pass('what is more than 64 KB does not wait');
    is(($long->records)[0]{data}, "r$first",
       '... what came before it is first');

    $_->close for $long, $beat;
}


# ---- a stream that ends has had what was gathered

{
    my $hour = $node->sse('/hour')->wait_position;
    my $first = $n + 1;

    record() for 1 .. 3;

    is($hour->wait_end, 'done', 'the stream ends in order');
    is(join(' ', map { $_->{data} } @{$hour->events}),
       expected($first, $n) . ' limit', '... with what was gathered before');
    is_deeply($hour->faults, [], '... in a proper stream');
}

{
    # groups end while they gather

    my @sse = map { $node->sse($_) } ('/s') x 3, ('/second') x 3, '/long';
    $_->wait_position for @sse;

    record();
    $_->close for @sse;

    wait_for(10, 'they are gone', sub {
        7 <= grep { /reason=client/ && / lag=[1-9]/ }
             split /\n/, slurp($node->prefix . '/logs/stream.log');
    });
    pass('clients may leave while records are gathered for them');

    # longer than the shortest flush time: nothing is sent for nobody

    my $again = $node->sse('/s')->wait_position;
    record();
    $again->wait_records(1);
    is(values_of($again), "r$n", '... who comes after them has what is new');
    $again->close;
}

{
    my %kind = (
        'HTTP/1.1' => $node->sse('/long'),
        'HTTP/1.0' => $node->sse('/long', http => '1.0'),
        'HTTP/2'   => $node->sse('/long', tls => 1, http => '2'),
    );

    $_->wait_position for values %kind;

    my $first = $n + 1;
    record() for 1 .. 5;

    is(join('', map { values_of($_) } values %kind), '',
       'records are being gathered');

    my ($worker) = $node->workers;
    $node->reload;

    for my $name (sort keys %kind) {
        my $sse = $kind{$name};

        is($sse->wait_end, 'done', "$name: a reload ends the stream in order");
        is(join(' ', map { $_->{data} } @{$sse->events}),
           expected($first, $n) . ' drain',
           '... with what was gathered before');
        is_deeply($sse->faults, [], '... in a proper stream');
    }

    wait_for(10, 'the old worker leaves', sub {
        !grep { $_ == $worker } $node->workers;
    });
    pass('no flush time keeps a worker');
}

finish;
