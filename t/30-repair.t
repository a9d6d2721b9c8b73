# Whatever is lost or stops between Kafka and the feed: streams are silent for
# 3 s at most, and have everything once and in order.  A record's latency is
# the silence before it.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $proxy = KafkaSSE::RedisProxy->new($redis);
my $topic = $kafka->topic('repair', partitions => 6);

my %fleet = (kafka => $kafka, group => unique('repair'), workers => 2,
             cluster => 'property session.timeout.ms 10000;',
             server => <<"END");
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END

my ($node, $other) = map {
    KafkaSSE::Node->new(%fleet, redis => $_)->start
} $proxy, $redis;

$node->ready([ $topic ], members => 2);

my $silence = 3000 * slow();
my $started = 0;


sub partitions ($node) {
    my $status = $node->status or return;
    return @{$status->{topics}[0]{partitions}};
}

sub gaps ($node) {
    my $n = 0;
    $n += $_->{gaps} for partitions($node);
    return $n;
}

sub repaired ($node) {
    my $n = 0;
    $n += $_->{records_repaired} for partitions($node);
    return $n;
}

sub alone ($node) { $node->status->{redis}{kafka_alone_seconds} }

# "kafka", "redis", or both of them

sub source ($node) {
    my %source = map { $_->{source} => 1 } partitions($node);
    return join ' ', sort keys %source;
}

sub wait_source ($want, @nodes) {
    my %is;

    return eval {
        wait_for(10, "source \"$want\"", sub {
            $is{$_->{name}} = source($_) for @nodes;
            !grep { $is{$_->{name}} ne $want } @nodes;
        }, 0.05);
    } || do { diag(json_encode(\%is)); 0 };
}


# One row of the table: records flow to the streams of each node, something
# happens, and no stream of those that are to be "quick" is silent for long.

sub row ($name, $n, $happens, %opt) {
    my @nodes = @{$opt{nodes} // [ $node, $other ]};
    my @quick = @{$opt{quick} // \@nodes};

    wait_source('redis', @nodes);

    my %swarm = map {
        $_->{name} => KafkaSSE::Swarm->new(
            nodes => [ $_ ], path => '/s', streams => 3, expect => $n,
            seconds => 40, linger => 500, reconnect => 0.1)
    } @nodes;

    for my $node (@nodes) {
        $swarm{$node->{name}}->wait_for(
            20, "$name: streams are open",
            sub ($now) { $now->{positioned} == 3 });
    }

    my $filling = $kafka->filling($topic, n => $n, rate => 200,
                                  start => $started);
    $started += $n;

    for my $node (@nodes) {
        $swarm{$node->{name}}->wait_for(
            10, "$name: records flow",
            sub ($now) { $now->{least} >= 100 });
    }

    ok(eval { $happens->(); 1 }, "$name: done") or diag($@);

    $filling->finish;

    for my $node (@{$opt{left} // \@nodes}) {
        my $report = $swarm{$node->{name}}->finish;
        my %latency = %{$report->{latency}};
        my $is_quick = grep { $_ == $node } @quick;

        is($report->{complete}, 3, "$name: produced = received")
            or diag(json_encode({ %$report, each => [] }), "\n",
                    $node->errors);
        $swarm{$node->{name}}->ok_clean(
            $report, "$name: once and in order, of one connection",
            qw(resets cut reset refused other_status ends));

        cmp_ok($latency{max}, '<=', $silence, "$name: 3 s of silence at most")
            if $is_quick;

        note(sprintf '%s: latency of %s p50 %d, p99 %d, max %d ms', $name,
             $node->{name}, @latency{qw(p50 p99 max)});
    }
}


# Redis does not do its work for so long: both nodes read Kafka, and return.

sub away ($name, $seconds, $away, $back) {
    row($name, 2400, sub {
        my $end = time + $seconds;
        my $alone = alone($node);

        $away->();
        ok(wait_source('kafka', $node, $other), "$name: both nodes read Kafka");

        # not waiting for anything: the time is the test

        sleep 0.05 while time < $end;

        $back->();
        ok(wait_source('redis', $node, $other),
           "$name: both nodes return to Redis");

        $alone = alone($node) - $alone;
        ok($alone >= $seconds - 3.5 && $alone <= time - $end + $seconds + 1,
           "$name: the time on Kafka alone is counted")
            or diag("$alone s of $seconds");
    });
}


# ---- the last message of a burst is lost, and nothing follows

{
    wait_source('redis', $node, $other);

    my $sse = $node->sse('/s')->wait_position;
    my $gaps = gaps($node);

    $kafka->fill($topic, n => 60, start => $started);
    $sse->wait_records(60);
    is(gaps($node), $gaps, 'no gap so far');

    $proxy->rules({ topic => $topic, partition => 1, drop => 1 });
    my $began = time;
    $kafka->fill($topic, n => 1, partition => 1, start => $started + 60);

    $sse->wait_records(61, 10);
    my $took = (time - $began) * 1000;

    is($proxy->counts->{dropped}, 1, 'the last envelope is lost');
    is(scalar($sse->records), 61, '... and its record comes')
        or diag($sse->describe, $node->errors);
    cmp_ok($took, '<=', $silence, '... within 3 s');
    is(gaps($node), $gaps + 1, '... as a gap');
    is(gaps($other), 0, '... which the other node does not have');
    is(repaired($node), 1, '... its record is counted as repaired');
    is(repaired($other), 0, '... here only');
    ok(wait_source('redis', $node), '... and Redis goes on');

    $proxy->rules;
    $started += 61;
    $kafka->fill($topic, n => 30, start => $started);
    $started += 30;
    $sse->wait_records(91);

    my (%seen, %last);
    my @wrong = grep {
        my $back = $_->{offset} <= ($last{$_->{partition}} // -1);
        $last{$_->{partition}} = $_->{offset};
        $back || $seen{"$_->{partition}/$_->{offset}"}++;
    } $sse->records(envelope => 1);

    is_deeply(\@wrong, [], '... once and in order');
    is_deeply($sse->faults, [], '... in a proper stream');
    is(gaps($node), $gaps + 1, 'there is no other gap');
    $sse->close;

    note(sprintf 'a lost last envelope: %d ms', $took);
}


# ---- Redis

away('Redis is killed', 5, sub { $redis->kill }, sub { $redis->start });
away('Redis is stopped', 6, sub { $redis->pause }, sub { $redis->resume });

away('Redis refuses PUBLISH', 4,
     sub { $redis->cmd(qw(ACL SETUSER default -publish)) },
     sub { $redis->cmd(qw(ACL SETUSER default +publish)) });

cmp_ok(scalar($node->log_lines(qr/\[error\].* PUBLISH to .*NOPERM/)), '>=', 1,
       '... and the log says so') or diag($node->errors);

away('Redis takes no writes', 4,
     sub { $redis->cmd(qw(CLIENT PAUSE 60000 WRITE)) },
     sub { $redis->cmd(qw(CLIENT UNPAUSE)) });


# ---- the owner of partitions

row('an owner is stopped', 2400, sub {
    my $companion = $other->companion;

    my $end = time + 6;
    kill STOP => $companion;
    wait_for(4, 'its partitions are read from Kafka',
             sub { source($node) eq 'kafka redis' });

    # as above; within the 10 s after which its node would end streams

    sleep 0.05 while time < $end;

    kill CONT => $companion;
    ok(wait_source('redis', $node, $other), 'it is back, and Redis goes on');
}, quick => [ $node ]);

row('an owner dies', 4000, sub {
    my %killed = map { $_->{pid} => 1 } $other->procs;

    $other->{killed}{$_} = 'KILL' for keys %killed;
    kill KILL => keys %killed;
    wait_for(5, 'all of its processes end', sub { !$other->procs });

    wait_for(4, 'its partitions are read from Kafka',
             sub { source($node) eq 'kafka redis' });
    is(scalar @{$kafka->group($node->group)->{members}}, 2,
       'Kafka has not noticed yet');

    $node->ready([ $topic ], members => 1);
    ok(wait_source('redis', $node), 'its partitions have another owner');
}, left => [ $node ]);

finish;
