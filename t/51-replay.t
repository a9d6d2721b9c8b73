# What the ring does not have, or no longer, is read from Kafka: for streams
# that come back late, that begin in the past, and whose worker was stopped.

# alone: it lets the Kafka that all have pause

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use POSIX 'strftime';

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;

my $topic = $kafka->topic('replay', partitions => 3);
my $timed = $kafka->topic('timed', partitions => 2);
my $holes = $kafka->topic('deleted', partitions => 3);
my $live = $kafka->topic('live', partitions => 1);
my $later = unique('later');

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, group => unique('replay'),
    zone => '1m', workers => 1, server => <<"END")->start;
kafka_sse_data envelope;
kafka_sse_heartbeat 1s;
location = /s { kafka_sse $topic; }
location = /earliest { kafka_sse $topic; kafka_sse_start earliest; }
location = /fixed { kafka_sse $topic; kafka_sse_since off; }
location = /named { kafka_sse $topic; kafka_sse_since \$http_x_from \$arg_from; }
location = /max { kafka_sse $topic; kafka_sse_replay on max=100; }
location = /rate { kafka_sse $topic; kafka_sse_replay on rate=500/s; }
location = /one { kafka_sse $topic; kafka_sse_replay on concurrent=1 rate=200/s; }
location = /never { kafka_sse $topic; kafka_sse_replay off; }
location = /timed { kafka_sse $timed; }
location = /holes { kafka_sse $holes; }
location = /both { kafka_sse $topic $timed; }
location = /gzip { kafka_sse $topic; gzip on; gzip_types text/event-stream; gzip_min_length 0; }
location = /live { kafka_sse $live; }
location = /absent { kafka_sse $timed $later; }
location = /status { kafka_sse_status; }
END

$node->ready([ $topic, $timed, $holes, $live ]);


# partition => [ offsets in the order in which they came ]

sub offsets_of ($sse, @topics) {
    my %got;
    my %want = map { $_ => 1 } @topics;

    for my $rec ($sse->records) {
        $rec->{data} =~ /^\{"topic":"([^"]+)","partition":(\d+),"offset":(\d+),/
            or die "not an envelope: $rec->{data}";
        push @{$got{$2}}, $3 if !%want || $want{$1};
    }

    return \%got;
}


# whether the stream has exactly the offsets of these ranges, each once and in
# order: { partition => [ from, to ] }

sub has_exactly ($sse, $ranges, $name, @topics) {
    my $want = 0;
    $want += $_->[1] - $_->[0] for values %$ranges;

    # more may be of other topics; few enough to be looked at one by one

    eval {
        $sse->wait_for(30, "$want records", sub {
            my $n = () = $sse->records;
            return 0 if $n < $want;
            return 1 if !@topics;
            my $of = offsets_of($sse, @topics);
            $n = 0;
            $n += @$_ for values %$of;
            return $n >= $want;
        });
    } or diag($@);

    my $got = offsets_of($sse, @topics);
    my @wrong;

    for my $p (sort keys %$ranges) {
        my ($from, $to) = @{$ranges->{$p}};
        my @o = @{$got->{$p} // []};

        push @wrong, "partition $p: " . @o . ' of ' . ($to - $from)
                     . ", $o[0] .. $o[-1], wanted $from .. " . ($to - 1)
            if @o != $to - $from
               || grep { $o[$_] != $from + $_ } 0 .. $#o;
    }

    ok(!@wrong, $name) or diag(join("\n", @wrong), "\n", $sse->describe);
}


sub ends ($name) {
    my $parts = $kafka->offsets($name)->{$name};
    return map { $_ => $parts->[$_]{stable} } 0 .. $#$parts;
}

sub resets ($sse) {
    return map { json_decode($_->{data}) }
           grep { $_->{event} eq 'stream-reset' } @{$sse->events};
}

sub hand ($name, %next) {
    return "$name@" . join ',', map { "$_:$next{$_}" } sort keys %next;
}

KafkaSSE::SSE::close_all;


# ---- a client that was away for longer than the ring reaches back

my $first = $node->sse('/s')->wait_position;
$kafka->fill($topic, n => 30);
$first->wait_records(30);
my $old = $first->last_id;
my %old = ends($topic);
$first->close;

$kafka->fill($topic, n => 3000, size => 1000, rate => 3000);

{
    my $sse = $node->sse('/s', last_event_id => $old);
    my %now = ends($topic);

    has_exactly($sse, { map { $_ => [ $old{$_}, $now{$_} ] } 0 .. 2 },
                'a client that comes back late gets all that it missed');
    is($sse->header('Kafka-SSE-Resume'), 'replay', '... and is told how');
    is_deeply([ resets($sse) ], [], '... without a reset');

    $kafka->fill($topic, n => 60);
    %now = ends($topic);
    has_exactly($sse, { map { $_ => [ $old{$_}, $now{$_} ] } 0 .. 2 },
                '... and goes on with what comes');

    my $again = $node->sse('/s', last_event_id => $sse->last_id);
    $again->wait_position;
    is($again->last_id, $sse->last_id, '... its id is everybody\'s now');
    is_deeply($sse->faults, [], '... and its bytes were right');
}

{
    # while it is produced, so that replay and ring meet

    my $filling = $kafka->filling($topic, n => 9000, size => 500,
                                  rate => 3000);
    my @late = map { $node->sse('/s', last_event_id => $old) } 1 .. 3;

    $filling->finish;
    my %now = ends($topic);

    has_exactly($_, { map { $_ => [ $old{$_}, $now{$_} ] } 0 .. 2 },
                'replay meets the ring in full flow, without hole or repeat')
        for @late;
}

my %end = ends($topic);

KafkaSSE::SSE::close_all;


# ---- a start that is chosen

{
    my $sse = $node->sse('/s?since=earliest');
    has_exactly($sse, { map { $_ => [ 0, $end{$_} ] } 0 .. 2 },
                'since=earliest is everything');
    is($sse->header('Kafka-SSE-Resume'), 'replay', '... by a replay');

    $sse = $node->sse('/earliest');
    has_exactly($sse, { map { $_ => [ 0, $end{$_} ] } 0 .. 2 },
                'kafka_sse_start earliest, too');

    $sse = $node->sse('/s?since=-7');
    has_exactly($sse, { map { $_ => [ $end{$_} - 7, $end{$_} ] } 0 .. 2 },
                'since=-7 are the last 7 of each partition');

    $sse = $node->sse('/named?from=-3');
    has_exactly($sse, { map { $_ => [ $end{$_} - 3, $end{$_} ] } 0 .. 2 },
                'kafka_sse_since has the variables that are asked');

    $sse = $node->sse('/named?from=-3', headers => { 'X-From' => '-2' });
    has_exactly($sse, { map { $_ => [ $end{$_} - 2, $end{$_} ] } 0 .. 2 },
                '... in order');

    $sse = $node->sse('/earliest?since=latest')->wait_position;
    is(scalar $sse->records, 0, 'the client\'s choice goes before the start');

    $sse = $node->sse('/fixed?since=earliest')->wait_position;
    is(scalar $sse->records, 0, 'kafka_sse_since off is deaf');

    $sse = $node->sse('/s?since=earliest',
                      last_event_id => hand($topic, %end))->wait_position;
    is(scalar $sse->records, 0, 'a position goes before a start');

    for my $bad ('x', '-', '--1', '2026-02-30', '1e9') {
        my $r = $node->get("/s?since=$bad");
        is($r->{status}, 400, "since=$bad is a bad request");
        like($r->{body}, qr/"error":"invalid-start","message":"\Q$bad\E /,
             '... that is named');
    }

    my $r = $node->get('/s?since=%22%0d%0a%5c');
    is(json_decode($r->{body})->{error}, 'invalid-start',
       'a bad value is no way into the answer');

    $r = $node->get('/never?since=earliest');
    is($r->{status}, 400, 'without replay a start in the past is refused');

    $sse = $node->sse('/max?since=earliest');
    has_exactly($sse, { map { $_ => [ $end{$_} - 100, $end{$_} ] } 0 .. 2 },
                'max= limits what a client may choose');
    is_deeply([ sort { $a->{partition} <=> $b->{partition} }
                map { @$_ } resets($sse) ],
              [ map { { topic => $topic, partition => $_, from => 0,
                        to => $end{$_} - 100, reason => 'limit' } } 0 .. 2 ],
              '... which is told');
}

{
    # by time; Kafka deletes what is older than its retention

    my $begin = (int(time / 60) - 90) * 60;
    my $iso = sub ($s, $zone) {
        return strftime('%Y-%m-%dT%H:%M:%S', gmtime $s) . $zone;
    };

    $kafka->produce([ map { { topic => $timed, partition => $_ % 2,
                              value => "v$_",
                              timestamp => ($begin + $_ * 60) * 1000 } }
                      0 .. 59 ]);

    my $sse = $node->sse('/timed?since=' . ($begin + 1200) * 1000);
    has_exactly($sse, { 0 => [ 10, 30 ], 1 => [ 10, 30 ] },
                'a time in ms is where its records are');

    $sse = $node->sse('/timed?since=' . $iso->($begin + 1200, '.001Z'));
    has_exactly($sse, { 0 => [ 11, 30 ], 1 => [ 10, 30 ] },
                '... and so is one of ISO 8601');

    $sse = $node->sse('/timed?since='
                      . $iso->($begin + 1200 + 3600, '%2B01:00'));
    has_exactly($sse, { 0 => [ 10, 30 ], 1 => [ 10, 30 ] },
                '... with an offset, escaped');

    $sse = $node->sse('/timed?since=2099-01-01')->wait_position;
    is(scalar $sse->records, 0, 'a time to come is the end');
}

{
    # written by hand

    my $sse = $node->sse('/s', last_event_id => hand($topic, 0 => 5, 2 => 9));
    has_exactly($sse, { 0 => [ 5, $end{0} ], 2 => [ 9, $end{2} ] },
                'a position written by hand is taken');
    is_deeply(offsets_of($sse)->{1}, undef,
              '... what it leaves out begins as a fresh stream');

    $sse = $node->sse('/both?lastEventId=' . hand($topic, %end)
                      . ';' . hand($timed, 0 => 28, 1 => 29));
    has_exactly($sse, { 0 => [ 28, 30 ], 1 => [ 29, 30 ] },
                '... of two topics, as an argument', $timed);

    $sse = $node->sse('/s', last_event_id => 'no-such-topic@0:1');
    $sse->wait_for(10, 'a reset', sub { resets($sse) });
    is((resets($sse))[0][0]{reason}, 'unknown-id',
       'a topic that is not served here is told');
}

KafkaSSE::SSE::close_all;


# ---- what Kafka no longer has

{
    $kafka->fill($holes, n => 300);
    my %was = ends($holes);
    my $sse = $node->sse('/holes')->wait_position;
    my $id = hand($holes, 0 => 0, 1 => 5, 2 => $was{2});

    $kafka->fill($holes, n => 3000, size => 1000);
    $kafka->delete_records($holes, 0, 50);
    $kafka->delete_records($holes, 1, 60);
    my %now = ends($holes);

    my $late = $node->sse('/holes', last_event_id => $id);
    has_exactly($late, { 0 => [ 50, $now{0} ], 1 => [ 60, $now{1} ],
                         2 => [ $was{2}, $now{2} ] },
                'what Kafka still has is replayed');

    is_deeply([ map { [ sort { $a->{partition} <=> $b->{partition} } @$_ ] }
                resets($late) ],
              [ [ { topic => $holes, partition => 0, from => 0, to => 50,
                    reason => 'expired' },
                  { topic => $holes, partition => 1, from => 5, to => 60,
                    reason => 'expired' } ] ],
              '... what it no longer has is told once, for all partitions')
        or diag($late->describe);

    # beyond the end

    my $lost = $node->sse('/holes', last_event_id
                              => hand($holes, %now, 1 => $now{1} + 1000));
    $lost->wait_for(10, 'a reset', sub { resets($lost) });
    is_deeply([ resets($lost) ],
              [ [ { topic => $holes, partition => 1, from => $now{1} + 1000,
                    to => 60, reason => 'truncated' } ] ],
              'a position beyond the end is told');
    has_exactly($lost, { 1 => [ 60, $now{1} ] },
                '... and what there is follows');
}

KafkaSSE::SSE::close_all;


# ---- slow clients, many clients, and those who are live

{
    my $sse = $node->sse('/live')->wait_position;

    my $slow = $node->sse('/s?since=earliest');
    $slow->wait_records(10);
    $slow->pause;

    my @fast = map { $node->sse("/s?since=-200") } 1 .. 5;
    has_exactly($_, { map { $_ => [ $end{$_} - 200, $end{$_} ] } 0 .. 2 },
                'a client that stops reading does not hold up others')
        for @fast;

    $kafka->fill($live, n => 5);
    $sse->wait_records(5);
    pass('... nor those who are live');

    # the companion is killed in the middle of it

    my $companion = $node->companion;
    $node->kill_process($companion);
    $node->wait_log('another companion',
                    sub { $node->companion != $companion });
    $slow->resume;

    has_exactly($slow, { map { $_ => [ 0, $end{$_} ] } 0 .. 2 },
                'a replay goes on with another companion, exactly');
}

KafkaSSE::SSE::close_all;

{
    # more clients that do not read than may be served at once

    my @stuck = map { $node->sse("/s?since=-390$_") } 1 .. 20;
    $_->wait_headers for @stuck;
    $_->pause for @stuck;

    my $sse = $node->sse('/s?since=-4');
    has_exactly($sse, { map { $_ => [ $end{$_} - 4, $end{$_} ] } 0 .. 2 },
                'clients that do not read do not keep others in the line');

    $_->resume for @stuck;

    for my $i (1 .. 20) {
        my $n = "390$i";
        has_exactly($stuck[$i - 1],
                    { map { $_ => [ $end{$_} - $n < 0 ? 0 : $end{$_} - $n,
                                    $end{$_} ] } 0 .. 2 },
                    "number $i of them goes on where it was");
    }
}

KafkaSSE::SSE::close_all;

{
    # one of several that are served together stops reading

    my @same = map { $node->sse('/s?since=earliest') } 1 .. 4;
    $_->wait_records(1) for @same;
    $same[2]->pause;

    for (grep { $_ != $same[2] } @same) {
        has_exactly($_, { map { $_ => [ 0, $end{$_} ] } 0 .. 2 },
                    'one that stops reading leaves those who began with it');
    }

    $same[2]->resume;
    has_exactly($same[2], { map { $_ => [ 0, $end{$_} ] } 0 .. 2 },
                '... and goes on by itself');
}

KafkaSSE::SSE::close_all;

{
    my $before = $node->status->{replays}{opened};
    my @same = map { $node->sse('/s?since=-300') } 1 .. 20;

    has_exactly($_, { map { $_ => [ $end{$_} - 300, $end{$_} ] } 0 .. 2 },
                'one of 20 that begin at the same place has it all')
        for @same;

    cmp_ok($node->status->{replays}{opened} - $before, '<=', 10,
           'who wants the same is served together');
}

{
    my $begin = time;
    my $sse = $node->sse('/rate?since=-500');
    has_exactly($sse, { map { $_ => [ $end{$_} - 500, $end{$_} ] } 0 .. 2 },
                'rate= lets all come');
    cmp_ok(time - $begin, '>=', 1.5, '... at its rate');
}

{
    my @all = map { $node->sse("/one?since=-10$_") } 1 .. 2;
    $_->wait_headers for @all;
    wait_for(10, 'one to wait',
             sub { $node->status->{replays}{waiting} == 1 });

    my $r = $node->get('/one?since=-50');
    is($r->{status}, 503, 'a chosen start is refused while others wait');
    is($r->{headers}{'retry-after'}, '5', '... for a while');

    push @all, $node->sse('/one', last_event_id
                              => hand($topic, map { $_ => $end{$_} - 103 }
                                              0 .. 2));
    $all[2]->wait_for(10, 'heartbeats', sub { @{$all[2]->comments} > 1 });
    is($all[2]->status, 200, 'a position is never refused, it waits');

    for my $i (1 .. 3) {
        my $n = 100 + $i;
        has_exactly($all[$i - 1],
                    { map { $_ => [ $end{$_} - $n, $end{$_} ] } 0 .. 2 },
                    "concurrent=1 lets number $i have its turn");
    }
}

KafkaSSE::SSE::close_all;


# ---- Kafka is away

{
    $kafka->pause;
    my $sse = $node->sse('/s', last_event_id => $old);
    $sse->wait_for(10, 'heartbeats', sub { @{$sse->comments} > 3 });
    is(scalar $sse->records, 0, 'without Kafka a replay waits, with heartbeats');
    $kafka->resume;
    has_exactly($sse, { map { $_ => [ $old{$_}, $end{$_} ] } 0 .. 2 },
                '... and has it all once Kafka is back');
}

KafkaSSE::SSE::close_all;


# ---- a worker that the ring has passed

{
    my @sse = map { $node->sse('/s')->wait_position } 1 .. 3;
    my ($worker) = $node->workers;
    my $laps = $node->status->{streams}{laps};

    CORE::kill(STOP => $worker);
    $kafka->fill($topic, n => 6000, size => 1000);
    my %now = ends($topic);

    wait_for(20, 'all has been published', sub {
        my $at = $kafka->committed($node->group, $topic)->{$topic};
        3 == grep { ($at->[$_] // 0) >= $now{$_} } 0 .. 2;
    });

    CORE::kill(CONT => $worker);

    has_exactly($_, { map { $_ => [ $end{$_}, $now{$_} ] } 0 .. 2 },
                'a worker that was passed by the ring repairs itself')
        for @sse;

    is($_->connects, 1, '... without closing a stream') for @sse;
    is($node->status->{streams}{laps}, $laps + 1, '... and counts it');

    %end = %now;

    $kafka->fill($topic, n => 30);
    %now = ends($topic);
    my $sse = $node->sse('/s', last_event_id => hand($topic, %end));
    has_exactly($sse, { map { $_ => [ $end{$_}, $now{$_} ] } 0 .. 2 },
                'and all is as before');
    %end = %now;
}

KafkaSSE::SSE::close_all;


# ---- a topic that is not there yet

{
    my $sse = $node->sse('/absent?since=earliest');
    has_exactly($sse, { 0 => [ 0, 30 ], 1 => [ 0, 30 ] },
                'a start is had of the topics that there are', $timed);

    $kafka->create($later, partitions => 2);
    $kafka->fill($later, n => 20);
    my %later = ends($later);
    has_exactly($sse, { map { $_ => [ 0, $later{$_} ] } 0 .. 1 },
                '... and of one that is made later', $later);

    $kafka->produce([ map { { topic => $timed, partition => $_,
                              value => 'x' } } 0, 1 ]);
    has_exactly($sse, { 0 => [ 0, 31 ], 1 => [ 0, 31 ] },
                '... and what comes of both', $timed);
}

KafkaSSE::SSE::close_all;


# ---- through a filter

{
    my $sse = $node->sse('/gzip', last_event_id => $old);
    has_exactly($sse, { map { $_ => [ $old{$_}, $end{$_} ] } 0 .. 2 },
                'a replay goes through the filters, too');
}

finish;
