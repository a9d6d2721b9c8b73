# Streams whose right ends: when they are cut, by which clock, what they are
# told before, and that nothing is lost by it.

# alone: it lets the Kafka that all have pause

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(encode_base64url);

# the sanitizer wants to be first, which the clock's library is

$ENV{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} // 'detect_leaks=0')
                   . ':verify_asan_link_order=0';

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my ($busy, $idle, $old) = map { $kafka->topic($_) } qw(busy idle old);

my $secret = 'correct horse battery staple 4711';
my $dir = tempdir();
my $clock = "$dir/clock";

spew("$dir/key", $secret);
set_clock(0);

# the node's wall clock is so many seconds ahead of ours

sub set_clock ($seconds) {
    open my $fh, -e $clock ? '+<' : '>', $clock or die "$clock: $!";
    syswrite $fh, pack 'q', $seconds * 1e9;
    close $fh;
    chmod 0644, $clock;
}

sub token ($claims) {
    my $text = join '.', map { encode_base64url(json_encode($_), '') }
                             { alg => 'HS256' }, $claims;

    return "$text." . encode_base64url(hmac_sha256($text, $secret), '');
}

sub cookie ($claims) {
    return (headers => { Cookie => 'kafka_sse_token=' . token($claims) });
}

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, workers => 2, tls => 1, h2c => 1,
    env => { LD_PRELOAD => KafkaSSE::Rig::build() . '/tool/clock.so',
             KAFKA_SSE_CLOCK => $clock },
    http => <<"END", server => <<"END2")->start;
log_format reason '\$uri \$kafka_sse_close_reason';
access_log logs/reason.log reason;
map \$request_uri \$said { ~exp=([0-9.]+) \$1; }
kafka_sse_heartbeat 1h;
kafka_sse_retry 0;
kafka_sse_jwt_key_file $dir/key;
kafka_sse_jwt_alg HS256;
END
location = /busy { kafka_sse $busy; kafka_sse_jwt x;
                   kafka_sse_expires warn=1s; }
location = /idle { kafka_sse $idle; kafka_sse_jwt x;
                   kafka_sse_expires warn=1s; }
location = /gzip { kafka_sse $busy; kafka_sse_jwt x; gzip on;
                   gzip_types text/event-stream; gzip_min_length 0;
                   kafka_sse_expires warn=1s; }
location = /default { kafka_sse $idle; kafka_sse_jwt x; }
location = /silent { kafka_sse $idle; kafka_sse_jwt x;
                     kafka_sse_expires warn=0; }
location = /leeway { kafka_sse $idle; kafka_sse_jwt x;
                     kafka_sse_jwt_leeway 2s; }
location = /both { kafka_sse $idle; kafka_sse_jwt x;
                   kafka_sse_expires \$arg_exp; }
location = /from { kafka_sse_jwt x; kafka_sse_jwt_leeway 2s;
                   error_page 418 = /to; kafka_sse_status;
                   if (\$kafka_sse_subject) { return 418; } }
location = /to { internal; kafka_sse $idle; }
location = /at { kafka_sse $idle; kafka_sse_expires \$arg_exp; }
location = /slow { kafka_sse $busy; kafka_sse_slow lag=1024m;
                   kafka_sse_expires \$arg_exp warn=1s; }
location = /old { kafka_sse $old; kafka_sse_start earliest;
                  kafka_sse_expires \$arg_exp; limit_rate 20k;
                  kafka_sse_replay on rate=20/s; }
location = /sub { kafka_sse $idle; auth_request /auth-sub;
                  auth_request_set \$until \$upstream_http_x_expires;
                  kafka_sse_expires \$until; }
location = /auth-sub { internal; proxy_pass_request_headers off;
    proxy_pass http://127.0.0.1:\$server_port/auth-says?exp=\$said; }
location = /auth-says { add_header X-Expires \$arg_exp; return 204; }
END2

$node->ready([ $busy, $idle, $old ]);


# how late a stream was cut, and whether it ended as it should

sub late ($sse, $exp) { $sse->{end_time} - $exp }

sub events ($sse) {
    return join ' ', map { $_->{event} }
                     grep { $_->{event} =~ /^stream-/ } @{$sse->events};
}


# ---- 200 streams that live for 2 to 6 s

{
    my $filling = $kafka->filling($busy, rate => 200, size => 200);
    my @all;

    my @kinds = (
        [ '/busy' ], [ '/idle' ], [ '/busy' ], [ '/idle' ],
        [ '/busy', tls => 1 ], [ '/idle', tls => 1 ],
        [ '/busy', window => 65535 ], [ '/idle', http => '1.0' ],
        [ '/busy', http => '1.0' ], [ '/gzip', gzip => 1 ],
    );

    for my $i (0 .. 199) {
        my ($path, %opt) = @{$kinds[$i % @kinds]};
        my $exp = sprintf '%.3f', time + 2 + 4 * $i / 200;
        my $sse = $node->sse($path, %opt, cookie({ exp => 0 + $exp }));

        push @all, [ $exp, $sse ];

        # not behind all the others' connections

        $sse->wait_headers if $i % 5 == 4;
    }

    my @sse = map { $$_[1] } @all;

    pump(20, 'all streams end', sub { !grep { !$_->ended } @sse });

    is_deeply([ grep { $_->status != 200 } @sse ], [],
              '200 streams with lives of 2 to 6 s were let in');

    my @late = sort { $a <=> $b } map { late($$_[1], $$_[0]) } @all;

    diag(sprintf 'cut %.3f to %.3f s after exp, median %.3f', $late[0],
         $late[-1], $late[100]);
    cmp_ok($late[0], '>=', 0, '... none ends before exp');
    cmp_ok($late[-1], '<=', 2, '... and none more than 2 s after it');

    my @odd = grep { $_->ended ne 'done'
                     || events($_) ne 'stream-expire stream-end'
                     || $_->events->[-1]{data} ne 'expired'
                     || @{$_->faults} } @sse;
    is(scalar @odd, 0, '... all are warned, end cleanly, and know why')
        or diag($odd[0]->describe);

    my @early = grep {
        my ($exp, $sse) = @$_;
        my ($warn) = grep { $_->{event} eq 'stream-expire' } @{$sse->events};
        !$warn || $warn->{data} != 1 || $warn->{time} < $exp - 1;
    } @all;
    is(scalar @early, 0, '... no warning comes before it is due')
        or diag($early[0][0], ' ', $early[0][1]->describe);

    $filling->finish;
}


# ---- a new token on reconnect: nothing is lost, and nothing comes twice

{
    my $filling = $kafka->filling($busy, rate => 300, size => 100);
    my %seen;
    my $twice = 0;

    my $sse = $node->sse('/busy', cookie({ exp => time + 2 }), keep => 0,
        on_event => sub ($self, $event) {
            if ($event->{event} eq 'stream-expire') {
                $self->{headers} = { cookie({ exp => time + 2 }) }->{headers};
            }
            return if $event->{event} =~ /^stream-/;
            $twice++ if $seen{$event->{data}}++;
        }, reconnect => 0.05);

    $sse->wait_position;

    my $first = position($sse->ids->[0])->[0][1];

    pump(20, 'the third connection', sub { $sse->connects >= 4 });

    $filling->finish;

    my $end = $kafka->offsets($busy)->{$busy}[0]{high};

    pump(20, 'the end', sub {
        (position($sse->last_id) // [[0, -1]])->[0][1] >= $end
    });

    is(keys %seen, $end - $first, 'a client with new tokens misses nothing');
    is($twice, 0, '... and has nothing twice');
    is_deeply([ grep { $_ ne 'done' } @{$sse->endings} ], [],
              '... through clean ends');
    $sse->close;
}


# ---- what else can be said

{
    my $exp = time + 4;
    my %sse = (
        default => [ $exp, $node->sse('/default', cookie({ exp => $exp })) ],
        silent => [ $exp, $node->sse('/silent', cookie({ exp => $exp })) ],
        leeway => [ $exp, $node->sse('/leeway', cookie({ exp => $exp - 2 })) ],
        redirect => [ $exp, $node->sse('/from',
                                       cookie({ exp => $exp - 2,
                                                sub => 'x' })) ],
        both => [ $exp, $node->sse("/both?exp=$exp",
                                   cookie({ exp => $exp + 60 })) ],
        token => [ $exp, $node->sse('/both?exp=' . ($exp + 60),
                                    cookie({ exp => $exp })) ],
        empty => [ $exp, $node->sse('/both', cookie({ exp => $exp })) ],
        at => [ $exp, $node->sse("/at?exp=$exp") ],
        sub => [ $exp, $node->sse("/sub?exp=$exp") ],
        none => [ undef, $node->sse('/at') ],
        forever => [ undef, $node->sse('/default', cookie({ sub => 'x' })) ],
    );

    $_->[1]->wait_position for values %sse;

    # warned at once: 30 s before is over

    my $warn = $sse{default}[1];
    $warn->wait_events(1, 2);
    is($warn->events->[0]{event}, 'stream-expire',
       'who begins later than the warning is warned at once');
    is($warn->events->[0]{data}, 4, '... with the seconds that are left');
    is(scalar(@{$sse{silent}[1]->events}), 0, 'warn=0 warns nobody');

    # of two group mates one ends, the other does not notice

    my @due = grep { defined $$_[0] } values %sse;

    $_->[1]->wait_end for @due;

    for my $name (sort grep { defined $sse{$_}[0] } keys %sse) {
        my $late = late($sse{$name}[1], $sse{$name}[0]);
        ok($late >= 0 && $late <= 2, "$name: it ends in time")
            or diag("$late s late\n", $sse{$name}[1]->describe);
    }

    for my $name (qw(none forever)) {
        ok(!$sse{$name}[1]->ended, "$name: it does not end");
    }

    $kafka->fill($idle, n => 3);
    $sse{$_}[1]->wait_records(3)->close for qw(none forever);
    pass('... and has its records after others of its group have ended');

    like(slurp("$node->{prefix}/logs/reason.log"), qr{^/default expired$}m,
         'the log knows the reason');
}

for my $value (1, '0', '1.5', '-5', 'never', '1e12', '0x7fffffff', '12.',
               '.5', '1234567890123', '%20', '99999999999 ')
{
    my $r = $node->get('/at?exp=' . $value =~ s/ /%20/gr);
    my $json = eval { json_decode($r->{body}) } // {};

    ok($r->{status} == 403 && ($json->{error} // '') eq 'expired',
       "kafka_sse_expires is \"$value\": 403") or diag($r->{raw});
}


# ---- who is not where the others are

{
    # a replay that takes longer, and is slow at it

    $kafka->fill($old, n => 2000, size => 500);

    my $exp = time + 2;
    my $sse = $node->sse("/old?exp=$exp")->wait_records(1);
    my $other = $node->sse('/old')->wait_records(1);

    $sse->wait_end;

    my $late = late($sse, $exp);
    ok($late >= 0 && $late <= 2, 'in the middle of a replay: it ends in time')
        or diag("$late s late\n", $sse->describe);
    cmp_ok(scalar($sse->records), '<', 2000, '... which was not at its end');
    ok(!$other->ended, '... and others go on');
    $other->close;
}

{
    # clients that take nothing: what is sent to them goes nowhere

    my $filling = $kafka->filling($busy, rate => 3000, size => 1000);
    my $exp = time + 3;

    my @sse = map {
        my $sse = $node->sse("/slow?exp=$exp", @$_, rcvbuf => 4096);
        $sse->wait_position;
        $sse->pause;
        $sse;
    } [], [ tls => 1 ], [ window => 4096 ];

    my $log = "$node->{prefix}/logs/reason.log";
    my $before = () = slurp($log) =~ /^\/slow /mg;

    # the server's side: what it logs, and when

    my $ended;
    pump(10, 'they are cut', sub {
        (() = slurp($log) =~ /^\/slow /mg) >= $before + 3;
    });
    $ended = time - $exp;

    ok($ended >= 0 && $ended <= 2, 'clients that take nothing are cut in time')
        or diag("$ended s late");
    like(slurp($log), qr{^/slow expired$}m, '... as expired');

    $filling->finish;
    $_->close for @sse;
}

{
    # a position of the future waits to be placed

    my $sse = $node->sse('/idle', cookie({ exp => time + 60 }))->wait_position;
    $sse->close;

    my $exp = time + 2;

    $kafka->pause;
    my $wait = $node->sse("/old?exp=$exp")->wait_headers;
    $wait->wait_end;
    $kafka->resume;

    my $late = late($wait, $exp);
    ok($late >= 0 && $late <= 2, 'while Kafka hangs it ends in time')
        or diag("$late s late\n", $wait->describe);
}


# ---- the clock jumps

{
    my $exp = time + 600;
    my @sse = map { $node->sse($_, cookie({ exp => $exp })) }
                  ('/idle', '/busy') x 10;
    my $late = $node->sse('/idle', cookie({ exp => $exp + 30 }));

    $_->wait_position for @sse, $late;

    set_clock(599.8);
    my $jump = time;

    pump(10, 'they end', sub { !grep { !$_->ended } @sse });

    my @after = sort { $a <=> $b } map { $_->{end_time} + 599.8 - $exp } @sse;

    cmp_ok($after[0], '>=', 0, 'the clock jumps ahead: none ends before exp');
    cmp_ok($after[-1], '<=', 2, '... none more than 2 s after it');
    ok(!$late->ended, '... and none that is not due');

    is($node->get('/idle', cookie({ exp => $exp }))->{status}, 401,
       '... the token is not good any longer');

    # back: what was due in 30 s has its time again, by both clocks

    set_clock(0);
    is($node->get('/idle', method => 'HEAD', cookie({ exp => $exp }))
           ->{status}, 200, 'the clock jumps back: it is good again');

    my $short = $node->sse('/idle', cookie({ exp => time + 3 }))
                     ->wait_position;
    set_clock(-2);
    my $until = time + 4;

    pump(3, 'its former end passes', sub { time > $until - 1 });
    ok(!$short->ended, '... and a stream has longer');
    $short->wait_end;
    set_clock(0);

    ok(!$late->ended, '... the other one still runs');
    $late->close;
}

finish;
