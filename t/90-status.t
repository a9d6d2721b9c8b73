# "kafka_sse_status json" tells the truth.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('status', partitions => 3);
my $absent = unique('absent');

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, workers => 2,
    server => <<"END")->start;
location /s { kafka_sse $topic; }
location /absent { kafka_sse $absent; }
location /status { kafka_sse_status json; }
location /default { kafka_sse_status; }
END

$node->ready([ $topic ]);

my $r = $node->get('/status');
is($r->{status}, 200, 'status is 200');
like($r->{headers}{'content-type'}, qr{^application/json}, '... JSON');
is($r->{headers}{'cache-control'}, 'no-store', '... that nobody caches');
ok($node->status('/default'), '... also without an argument');
is($node->get('/status', method => 'HEAD')->{body}, '', 'HEAD has no body');
is($node->get('/status', method => 'POST')->{status}, 405, 'POST is refused');


# Waits until status says so: counters of other processes take a moment.

sub says ($name, $condition) {
    my $status;
    my $ok = eval {
        wait_for(10, $name, sub {
            $status = $node->status;
            local $_ = $status;
            $status && $condition->($status);
        }, 0.05);
    };

    ok($ok, $name) or diag(JSON::PP->new->canonical->pretty->encode($status));
    return $status;
}

sub partitions ($status) {
    my ($t) = grep { $_->{topic} eq $topic } @{$status->{topics}};
    return @{$t->{partitions}};
}


my @sse = map { $node->sse('/s') } 1 .. 5;
$_->wait_position for @sse;

says('open streams are counted', sub { $_->{streams}{open} == 5 });
says('... of each worker', sub {
    my $n = 0;
    $n += $_->{streams} for @{$_->{streams}{workers}};
    $n == 5 && @{$_->{streams}{workers}} == 2;
});

$kafka->fill($topic, n => 90);
$_->wait_records(90) for @sse;

says('positions are the ends of the partitions', sub {
    join(' ', map { $_->{position} } partitions($_)) eq '30 30 30';
});
says('... with no lag', sub {
    join(' ', map { $_->{lag} // 'null' } partitions($_)) eq '0 0 0';
});
says('records are counted', sub {
    join(' ', map { $_->{records} } partitions($_)) eq '30 30 30';
});
says('a topic that is absent is called so', sub {
    my ($t) = grep { $_->{topic} eq $absent } @{$_->{topics}};
    $t->{state} eq 'absent';
});
says('the ring is used', sub {
    $_->{ring}{used} > 0 && $_->{ring}{size} > $_->{ring}{used};
});
says('Redis is connected', sub {
    $_->{redis}{state} eq 'connected' && $_->{redis}{subscribed}
        && $_->{redis}{envelopes_received} > 0;
});
says('Kafka is connected, the group joined', sub {
    my ($c) = @{$_->{clusters}};
    $c->{cluster} eq 'main' && $c->{state} eq 'connected'
        && $c->{group} eq 'joined' && $c->{partitions_assigned} == 3
        && $c->{records_consumed} == 90;
});


# ---- streams come and go

$sse[$_]->close for 0, 1;
says('a client that left is counted', sub {
    $_->{streams}{open} == 3 && $_->{streams}{closed}{client} == 2;
});

my $again = $node->sse('/s', last_event_id => $sse[2]->last_id);
$again->wait_position;
says('a resume is counted', sub { $_->{streams}{resumed} == 1 });

my $lost = $node->sse('/s', last_event_id => 'nonsense');
$lost->wait_events(1);
says('a reset is counted', sub { $_->{streams}{resets} == 1 });


# ---- the companion

my $pid = $node->companion;
my $before = says('the companion is named', sub {
    $_->{companion}{pid} == $pid && $_->{companion}{restarts} == 0;
});

$node->kill_process($pid);

says('... the next one, too', sub {
    $_->{companion}{pid} == ($node->companions)[0]
        && $_->{companion}{pid} != $pid && $_->{companion}{restarts} == 1;
});

$node->reload;
wait_for(10, 'one companion', sub { ($node->companions) == 1 });
says('a reload is no restart', sub { $_->{companion}{restarts} == 1 });
says('a worker that left has no row', sub {
    my %now = map { $_ => 1 } $node->workers;
    !grep { !$now{$_->{pid}} } @{$_->{streams}{workers}};
});


# ---- Redis goes away

says('the new companion is connected, too', sub {
    $_->{companion}{pid} == ($node->companions)[0]
        && $_->{redis}{state} eq 'connected' && $_->{redis}{subscribed};
});

$redis->kill;
says('Redis that is away is called so', sub {
    $_->{redis}{state} eq 'disconnected';
});
$redis->start;
says('... and back', sub {
    $_->{redis}{state} eq 'connected' && $_->{redis}{reconnects} > 0;
});

finish;
