# A stream ends when its client is too slow, or when its time is over; either
# way the client goes on where it was.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('limits', partitions => 2);
my $large = $kafka->topic('large',
                          config => { 'max.message.bytes' => 8_000_000 });
my $absent = unique('absent');

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, zone => '64m', tls => 1,
    http => <<'CONF', server => <<"END")->start;
kafka_sse_slow lag=256k buffer=32k;
log_format stream '$uri resume=$kafka_sse_resume records=$kafka_sse_records '
                  'lag=$kafka_sse_lag id=$kafka_sse_last_id '
                  'reason=$kafka_sse_close_reason';
access_log logs/stream.log stream;
CONF
location = /s { kafka_sse $topic; kafka_sse_data envelope; }
location = /good { kafka_sse $topic; kafka_sse_data envelope;
                   kafka_sse_slow lag=64m; }
location = /far { kafka_sse $topic; kafka_sse_slow lag=64m buffer=32k; }
location = /kernel { kafka_sse $topic; kafka_sse_slow lag=64m buffer=off; }
location = /large { kafka_sse $large; kafka_sse_slow lag=1m buffer=32k; }
location = /hour { kafka_sse $topic; kafka_sse_data envelope;
                   kafka_sse_max_duration 1s jitter=0;
                   kafka_sse_retry 10ms; kafka_sse_slow lag=64m; }
location = /idle { kafka_sse $large; kafka_sse_heartbeat off;
                   kafka_sse_max_duration 700ms jitter=0; }
location = /beat { kafka_sse $large; kafka_sse_heartbeat 200ms;
                   kafka_sse_max_duration 700ms jitter=0; }
location = /jitter { kafka_sse $large; kafka_sse_heartbeat off;
                     kafka_sse_max_duration 1s jitter=50%; }
location = /waits { kafka_sse $absent; kafka_sse_heartbeat off;
                    kafka_sse_max_duration 700ms jitter=0; }
location = /status { kafka_sse_status; }
END

$node->ready([ $topic, $large ]);


# What the log says of the streams of this path that have ended, at least n.

sub logged ($path, $n) {
    my @lines;

    $node->wait_log("$n lines of $path", sub {
        @lines = map { { /(\w+)=(\S+)/g } }
                 grep { m{^\Q$path\E } }
                 split /\n/, slurp($node->prefix . '/logs/stream.log');
        @lines >= $n;
    });

    return @lines;
}

sub closed ($reason) { $node->status->{streams}{closed}{$reason} }

sub places ($sse) {
    return sort map { $_->{data} =~ /"partition":(\d+),"offset":(\d+)/
                      ? "$1:$2" : '?' } $sse->records;
}


# ---- too slow: closed, counted, and back

{
    my $good = $node->sse('/good')->wait_position;
    my %slow = (
        'HTTP/1.1' => $node->sse('/s', rcvbuf => 65536, reconnect => 0.05),
        'TLS'      => $node->sse('/s', rcvbuf => 65536, reconnect => 0.05,
                                 tls => 1),
    );

    $_->wait_position for values %slow;
    $_->pause for values %slow;

    $kafka->fill($topic, n => 3000, size => 500);
    $good->wait_records(3000);

    wait_for(10, 'slow streams are closed', sub { closed('slow') == 2 });
    pass('a stream further behind than the limit is closed with reason slow');
    is(closed('client'), 0, '... and none for another reason');
    is($node->status->{streams}{open}, 1, '... others stay');

    for my $name (sort keys %slow) {
        my $sse = $slow{$name};
        $sse->resume;
        $sse->wait_records(3000, 30);

        is($sse->connects, 2, "$name: the client comes back");
        is_deeply([ places($sse) ], [ places($good) ],
                  '... and has each record once');
        is_deeply([ grep { $_->{event} =~ /^stream-/ } @{$sse->events} ], [],
                  '... without a word of it') or diag($sse->describe);
        $sse->close;
    }

    my @logged = logged('/s', 4);
    my @cut = grep { $_->{reason} eq 'slow' } @logged;
    my @back = grep { $_->{reason} eq 'client' } @logged;

    is(scalar(grep { $_->{resume} eq 'fresh' && $_->{lag} > 256 * 1024
                     && $_->{id} eq '-' } @cut), 2,
       'the log knows who was too slow') or diag(json_encode(\@logged));
    is(scalar(grep { $_->{resume} eq 'exact' && $_->{lag} == 0
                     && $_->{id} eq $good->last_id } @back), 2,
       '... and who came back and had all') or diag(json_encode(\@logged));

    is_deeply([ $node->log_lines(qr/\[(?:crit|error)\]/) ], [],
              '... nor one in the log');
    $good->close;
}


# ---- who resumes is paced by its client and never too slow

{
    my $good = $node->sse('/good')->wait_position;
    my $from = $good->last_id;
    my $before = closed('slow');

    $kafka->fill($topic, n => 3000, size => 500);
    $good->wait_records(3000);

    my $sse = $node->sse('/s', last_event_id => $from, rcvbuf => 65536);
    $sse->wait_records(1);
    $sse->pause;

    $kafka->fill($topic, n => 3000, size => 500);
    $good->wait_records(6000);

    $sse->resume;
    $sse->wait_records(6000, 30);

    is(closed('slow'), $before, 'a stream that resumes is never too slow');
    is_deeply([ places($sse) ], [ places($good) ],
              '... and has each record once');
    is($sse->connects, 1, '... in one connection');
    $_->close for $sse, $good;
}


# ---- a record larger than the limit

{
    wait_for(10, 'no stream', sub { !$node->status->{streams}{open} });

    my $before = closed('slow');
    my $slow = $node->sse('/large', rcvbuf => 65536)->wait_position;
    my $good = $node->sse('/large')->wait_position;

    $slow->pause;
    $kafka->produce([ { topic => $large, value => 'x' x 3_000_000 } ]);
    $good->wait_records(1);

    is($node->status->{streams}{open}, 2,
       'a record of 3 MB does not end a stream with lag=1m');

    $slow->resume;
    $slow->wait_records(1, 30);

    is(length(($slow->records)[0]{data}), 3_000_000, '... it gets through');
    is(closed('slow'), $before, '... to a client that is slow');
    is($slow->connects, 1, '... in one connection');

    # but what lies behind it counts

    $slow->pause;
    $kafka->produce([ { topic => $large, value => 'y' x 3_000_000 } ]);
    $good->wait_records(2);
    $kafka->produce([ { topic => $large, value => 'z' x 1_200_000 } ]);
    $good->wait_records(3);

    wait_for(10, 'the stream is closed', sub { closed('slow') > $before });
    pass('what lies behind it counts');
    $_->close for $slow, $good;
}


# ---- what the kernel holds for a client that does not read

# bytes that the server's end of the connection has not got rid of

sub queued ($sse) {
    my $at = sprintf ':%04X', $sse->{fh}->sockport;

    for (split /\n/, slurp('/proc/net/tcp')) {
        my (undef, undef, $remote, undef, $queues) = split;
        return hex((split /:/, $queues)[0]) if $remote =~ /$at$/;
    }

    return -1;
}

{
    my %sse = map { $_ => $node->sse("/$_", rcvbuf => 65536)->wait_position }
                  qw(far kernel);
    my $good = $node->sse('/good')->wait_position;

    $_->pause for values %sse;

    $kafka->fill($topic, n => 6000, size => 1000);
    $good->wait_records(6000, 30);

    wait_for(10, 'the kernel to hold something', sub {
        2 == grep { queued($_) > 0 } values %sse;
    });

    my %held = map { $_ => queued($sse{$_}) } keys %sse;

    cmp_ok($held{far}, '<=', 128 * 1024, 'buffer=32k holds it low');
    cmp_ok($held{kernel}, '>', 256 * 1024,
           'buffer=off leaves it to the kernel');
    diag("queued: @held{qw(far kernel)}") if !Test::More->builder->is_passing;

    for my $sse (values %sse) {
        $sse->resume;
        $sse->wait_records(6000, 30);
        is_deeply($sse->faults, [], 'a client that reads again has all');
        $sse->close;
    }

    $good->close;
}


# ---- the time is over

sub ends (@sse) {
    $_->wait_end for @sse;
    return map { $_->{end_time} - $_->{began} } @sse;
}

for my $path (qw(idle beat waits)) {
    my $sse = $node->sse("/$path");
    my ($took) = ends($sse);
    my $end = $sse->events->[-1] // {};

    is($sse->ended, 'done', "/$path: the stream ends in order");
    is("$end->{event} $end->{data}", 'stream-end limit', '... with its reason')
        or diag($sse->describe);
    ok($took >= 0.69 && $took < 0.7 + 0.5 * slow(), '... after its time')
        or diag($took);
    is(scalar @{$sse->events}, 1, '... once');
    ok(defined $sse->retry, '... with "retry:"');
    is_deeply($sse->faults, [], '... in a proper stream');
}

{
    my $sse = $node->sse('/idle', tls => 1, http => '2');
    ends($sse);
    is(($sse->events->[-1] // {})->{data}, 'limit', 'the same over HTTP/2')
        or diag($sse->describe);
}

{
    my ($line) = logged('/idle', 2);
    is_deeply([ @$line{qw(resume records lag reason)} ],
              [ 'fresh', 0, 0, 'limit' ], 'the log knows the reason');
    ok(position($line->{id}), '... and the position') or diag($line->{id});

    ($line) = logged('/waits', 1);
    is($line->{id}, '-', '... and none of a topic that does not exist');

    $node->get('/status');
    ($line) = logged('/status', 1);
    is_deeply([ @$line{qw(resume records lag id reason)} ],
              [ ('-') x 5 ], 'what is no stream has no variables');
}

is(closed('limit'), 4, 'they are counted');

{
    my @took = sort { $a <=> $b } ends(map { $node->sse('/jitter') } 1 .. 40);

    ok($took[0] >= 0.49 && $took[-1] < 1 + 0.5 * slow(),
       'the jitter shortens the time, up to its percentage')
        or diag("@took");
    cmp_ok($took[-1] - $took[0], '>', 0.25, '... differently for each')
        or diag("@took");
}

{
    my $good = $node->sse('/good')->wait_position;
    my @sse = map { $node->sse('/hour', reconnect => 1)->wait_position } 1 .. 5;

    # one that is behind when its time is over: what it lacks is not endless

    my $late = $node->sse('/hour', reconnect => 1, rcvbuf => 65536)
               ->wait_position;
    my $before = closed('limit');

    $late->pause;
    my $filling = $kafka->filling($topic, n => 2500, rate => 600, size => 500);
    $good->wait_records(2500, 30);
    $filling->finish;

    cmp_ok(closed('limit') - $before, '>=', 5,
           'streams end while records flow');

    $late->resume;
    $_->wait_records(2500, 30) for @sse, $late;

    for my $sse (@sse, $late) {
        is_deeply([ places($sse) ], [ places($good) ],
                  'a client that comes back has each record once');
        is_deeply([ grep { $_->{event} eq 'stream-reset' } @{$sse->events} ],
                  [], '... and nothing is reset');
    }

    cmp_ok($_->connects, '>', 2, '... over several streams') for @sse;
    is(scalar(grep { $_->{event} eq 'stream-end' && $_->{data} ne 'limit' }
                   map { @{$_->events} } @sse, $late), 0,
       '... that had reached their limit');
    cmp_ok($late->connects, '>', 1, '... the one that was behind, too');
    $_->close for @sse, $late;

    # all that the streams were sent, they were sent once

    wait_for(10, 'no other stream', sub {
        $node->status->{streams}{open} == 1;
    });

    my $connects = 0;
    $connects += $_->connects for @sse, $late;

    my $records = 0;
    $records += $_->{records} for logged('/hour', $connects);

    is($records, 6 * 2500, 'the log counts each record once');

    my %ids = map { $_ => 1 } map { @{$_->ids} } @sse, $late;
    is(scalar(grep { !$ids{$_->{id}} } logged('/hour', $connects)), 0,
       '... and has the last id that the client has');
}

finish;
