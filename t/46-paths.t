# Every way the bytes leave a worker, and that they are the same bytes on each:
# what a client gets, before any coding, and what nginx says that it sent.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $seed = $ENV{KAFKA_SSE_TEST_SEED} // int rand 2 ** 31;
srand $seed;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('paths', partitions => 3);
my $flood = $kafka->topic('flood');
my $port = KafkaSSE::Rig::free_port();

# what stock nginx of Debian has, and others need not have

my $built = run([ KafkaSSE::Nginx->binary, '-V' ])->{err};
my $sub = $built =~ /--with-http_sub_module/;
my $addition = $built =~ /--with-http_addition_module/;

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, zone => '64m', port => $port,
    tls => 1, h2c => 1,
    http => <<"HTTP", server => join '', <<"SERVER",
kafka_sse_heartbeat off;
kafka_sse_retry 1s jitter=0;
kafka_sse_drain 500ms;
kafka_sse_slow lag=64m;
ssl_protocols TLSv1.2 TLSv1.3;
proxy_read_timeout 200s;
log_format sent '\$arg_kind \$status \$bytes_sent \$body_bytes_sent '
                '\$kafka_sse_records \$kafka_sse_close_reason \$ssl_protocol';
access_log logs/sent.log sent;
upstream back { server 127.0.0.1:$port; keepalive 4; }
HTTP
location = /s { kafka_sse $topic; }
location = /whole { kafka_sse $topic; chunked_transfer_encoding off; }
location = /gzip {
    kafka_sse $topic;
    gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_comp_level 9;
    gzip_http_version 1.0;
}
location = /rated { kafka_sse $topic; limit_rate 1500k; }
location = /ssi { kafka_sse $topic; ssi on; ssi_types text/event-stream; }
location = /moods {
    kafka_sse $topic;
    postpone_output 100000; output_buffers 1 512; sendfile on; tcp_nopush on;
    aio threads; directio 512; sendfile_max_chunk 1k; tcp_nodelay off;
}
location = /via {
    proxy_pass http://back/s?kind=behind-\$arg_kind;
    proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_buffering off;
}
location = /via-default { proxy_pass http://back/s?kind=behind-\$arg_kind; }
location = /via-gzip {
    proxy_pass http://back/s?kind=behind-\$arg_kind;
    gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_proxied any;
}
location = /stuck {
    kafka_sse $flood; send_timeout 1s; kafka_sse_slow lag=64m buffer=32k;
    gzip on; gzip_types text/event-stream; gzip_min_length 0;
}
location = /forgotten {
    kafka_sse $flood; send_timeout 1s; kafka_sse_slow lag=64m buffer=32k;
    reset_timedout_connection on;
}
location = /flood {
    kafka_sse $flood; kafka_sse_slow lag=64m buffer=32k;
    gzip on; gzip_types text/event-stream; gzip_min_length 0;
}
location = /slowed {
    kafka_sse $flood; kafka_sse_slow lag=64m buffer=32k; limit_rate 3m;
}
location = /linger {
    kafka_sse $flood; kafka_sse_max_duration 700ms jitter=0;
    lingering_close always; lingering_timeout 1s;
}
location = /brief { kafka_sse $flood; kafka_sse_max_duration 700ms jitter=0; }
location = /status { kafka_sse_status; }
SERVER
    !$sub ? () : <<"SUB", !$addition ? () : <<"ADDITION")->start;
location = /sub {
    kafka_sse $topic; sub_filter_types text/event-stream;
    sub_filter_once off; sub_filter 'no-such-word' 'a word';
}
SUB
location = /added {
    kafka_sse $topic; addition_types text/event-stream;
    add_before_body /before; add_after_body /after;
}
location = /before { return 200 ": before\\n\\n"; }
location = /after { return 200 ": after\\n\\n"; }
ADDITION

$node->ready([ $topic, $flood ]);


# kind => what is asked of KafkaSSE::SSE

my @ways = (
    'plain'       => { path => '/s' },
    '1.0'         => { path => '/s', http => '1.0' },
    'whole'       => { path => '/whole' },
    'tls1.2'      => { path => '/s', tls => 1,
                       ssl => { SSL_version => 'TLSv1_2' } },
    'tls1.3'      => { path => '/s', tls => 1,
                       ssl => { SSL_version => 'TLSv1_3' } },
    'tls-1.0'     => { path => '/s', tls => 1, http => '1.0' },
    'tls-whole'   => { path => '/whole', tls => 1 },
    'h2'          => { path => '/s', tls => 1, window => 65535 },
    'h2-narrow'   => { path => '/s', tls => 1, window => 3000 },
    'h2-wide'     => { path => '/s', tls => 1, window => 8_000_000 },
    'h2c'         => { path => '/s', window => 65535 },
    'gzip'        => { path => '/gzip', gzip => 1 },
    'gzip-1.0'    => { path => '/gzip', gzip => 1, http => '1.0' },
    'gzip-tls'    => { path => '/gzip', gzip => 1, tls => 1 },
    'gzip-off'    => { path => '/gzip' },
    'rated'       => { path => '/rated' },
    'rated-tls'   => { path => '/rated', tls => 1 },
    'rated-h2'    => { path => '/rated', window => 65535 },
    'ssi'         => { path => '/ssi' },
    'ssi-h2'      => { path => '/ssi', window => 65535 },
    'moods'       => { path => '/moods' },
    'moods-tls'   => { path => '/moods', tls => 1 },
    'moods-h2'    => { path => '/moods', window => 65535 },
    'via'         => { path => '/via' },
    'via-tls'     => { path => '/via', tls => 1 },
    'via-h2'      => { path => '/via', tls => 1, window => 65535 },
    'via-default' => { path => '/via-default' },
    'via-gzip'    => { path => '/via-gzip', gzip => 1 },
    $sub ? ('sub'      => { path => '/sub' },
            'sub-h2'   => { path => '/sub', window => 65535 }) : (),
    $addition ? ('added'    => { path => '/added' },
                 'added-h2' => { path => '/added', window => 65535 }) : (),
);

my %way = @ways;
my @kinds = @ways[grep { $_ % 2 == 0 } 0 .. $#ways];

sub stream ($kind, %opt) {
    my %way = %{$way{$kind}};
    my $path = delete $way{path};
    return $node->sse("$path?kind=" . ($opt{kind} // $kind), %way, %opt);
}


# ---- HEAD

{
    my %head = map { $_ => stream($_, method => 'HEAD', kind => "head-$_") }
                   @kinds;

    pump(10, 'HEAD ends', sub { !grep { !$_->ended } values %head });

    for my $kind (@kinds) {
        my $head = $head{$kind};
        is($head->ended . ' ' . $head->status, 'done 200',
           "$kind: HEAD has headers");
        is_deeply($head->faults, [], '... and no body');
    }
}


# ---- records of all sorts and sizes

my @letters = ('a' .. 'z', '0' .. '9', ' ', ':', '<!-', 'no-such-', "\xc3\xa9");

# about n bytes; the long ones repeat themselves

sub text ($n) {
    my $text = '';
    $text .= $letters[rand @letters]
        while length $text < ($n < 97 ? $n : 97);
    return $text x (1 + $n / 97);
}

sub record ($i) {
    my $size = $i % 10 == 0 ? int rand 300_000 : int exp rand 8;
    my $sort = int rand 8;

    my $value = $sort == 0 ? undef
              : $sort == 1 ? ''
              : $sort == 2 ? join '', map { chr rand 256 } 1 .. 1 + $size / 50
              : $sort == 3 ? join '', map { text($size / 8) . $_ }
                                          "\n", "\r\n", "\r", "\n\n", "\r\r\n",
                                          "\n:\n", "\ndata: x\n", "<!-"
              : text($size);

    return { topic => $topic, partition => int rand 3, key => "k$i",
             value => $value };
}

my %sse = map { $_ => stream($_, tape => 1, keep => $_ eq 'plain') } @kinds;
$_->wait_position for values %sse;

my $plain = $sse{plain};
my @records = map { record($_) } 1 .. 120;
my %value;


# the body, without what only this way has

sub body ($kind) {
    my $tape = $sse{$kind}->tape;
    $tape =~ s/^: before\n\n// if $kind =~ /^added/;
    $tape =~ s/: after\n\n\z// if $kind =~ /^added/;
    return $tape;
}

sub produce (@some) {
    my @at = $kafka->produce(\@some);
    $value{"$at[$_]{partition}:$at[$_]{offset}"} = $some[$_] for 0 .. $#at;
}


# one at a time: none is held until there is more

for my $i (1 .. 5) {
    produce({ topic => $topic, partition => $i % 3, key => 'k',
              value => "one $i" });

    ok(eval {
        pump(10, 'everybody to have it', sub {
            !grep { $sse{$_}->tape !~ /^data: one $i\n\n/m } @kinds;
        });
    }, "a record of 5 bytes waits for nothing, $i")
        or diag('not there: ',
                join ' ', grep { $sse{$_}->tape !~ /^data: one $i\n\n/m }
                               @kinds);
}


# many, in a few turns

produce(splice @records, 0, 1 + int rand 40) while @records;

$plain->wait_records(125, 30);

eval {
    pump(30, 'all', sub {
        my $n = length $plain->tape;
        !grep { length $sse{$_}->tape < $n + (/^added/ ? 10 : 0) } @kinds;
    });
};

is_deeply($plain->faults, [], 'plain has proper bytes');

for my $kind (grep { $_ ne 'plain' } @kinds) {
    my $sse = $sse{$kind};

    ok(body($kind) eq $plain->tape, "$kind: byte for byte the same as plain")
        or diag(length(body($kind)), ' of ', length($plain->tape), "\n",
                $sse->describe);
    is_deeply($sse->faults, [], '... in a proper stream');
    is($sse->ended, undef, '... that stays open');
}

diag("KAFKA_SSE_TEST_SEED=$seed") if !Test::More->builder->is_passing;


# the same as plain: then plain had better be right.  An id's only component
# that moved says which record it is

{
    my ($before, @wrong) = (position($plain->ids->[0])->[0]);
    my $n = 0;

    for my $event ($plain->records) {
        my ($tag, @next) = @{position($event->{id})->[0]};
        my @moved = grep { $next[$_] != $before->[$_ + 1] } 0 .. $#next;
        my $at = "$moved[0]:" . ($next[$moved[0]] - 1);
        my $record = delete $value{$at} // { value => 'no such record' };
        my $value = $record->{value};

        my $text = $value;
        my $is_text = defined $text && $text !~ /\0/ && utf8::decode($text);

        my ($name, $data) = !defined $value ? ('delete', $record->{key})
                          : !$is_text       ? ('binary', undef)
                          : ('message', $value =~ s/\r\n?/\n/gr);

        if (!defined $data) {
            my $json = json_decode($event->{data});
            $data = $event->{data} if @moved == 1
                && MIME::Base64::decode_base64($json->{value}) eq $value;
        }

        push @wrong, "$at: $event->{event}"
            if @moved != 1 || $event->{event} ne $name
               || ($data // 'another value') ne $event->{data};

        $before = [ $tag, @next ];
        $n++;
    }

    is($n, 125, 'each record is an event');
    is_deeply(\@wrong, [], '... with its name, its bytes and its place');
    is_deeply([ keys %value ], [], '... and none is missing');
}


# ---- clients that take nothing, go in the middle, say too much

my %greedy = (
    'plain'      => {},
    '1.0'        => { http => '1.0' },
    'tls'        => { tls => 1 },
    'gzip'       => { gzip => 1 },
    'gzip-tls'   => { gzip => 1, tls => 1 },
    'h2'         => { tls => 1, window => 80_000_000 },
    'h2-closed'  => { tls => 1, window => 1000 },
    'h2c'        => { window => 80_000_000 },
    'h2c-closed' => { window => 20_000 },
    'h2c-gzip'   => { window => 1000, gzip => 1 },
);

sub open_streams { $node->status->{streams}{open} }

# what the log says of streams of this kind, once it does

sub logged ($kind) {
    my @line;

    $node->wait_log("the end of $kind", sub {
        @line = slurp($node->prefix . '/logs/sent.log')
                =~ /^\Q$kind\E (\d+) (\d+) (\d+) (\S+) (\S+) (\S+)$/m;
    });

    my %line;
    @line{qw(status bytes body records reason ssl)} = @line;
    return \%line;
}

# incompressible, or gzip would have too little to send

sub flood ($n, $size) {
    my $noise = join '', map { chr 33 + rand 94 } 1 .. $size;
    $kafka->produce([ map {
        { topic => $flood, key => 'k',
          value => substr($noise, $_ * 11) . substr($noise, 0, $_ * 11) }
    } 1 .. $n ]);
}

sub crowd ($path, $name) {
    my %crowd = map {
        $_ => $node->sse("$path?kind=$name-$_", rcvbuf => 65536,
                         %{$greedy{$_}})
    } keys %greedy;

    $_->wait_position for values %crowd;

    return %crowd;
}

my $others = open_streams();

{
    my %crowd = crowd('/stuck', 'stuck');
    my $reset = $node->sse('/forgotten?kind=forgotten', rcvbuf => 65536)
                ->wait_position;

    /closed/ ? $crowd{$_}{h2}->hold : $crowd{$_}->pause for keys %crowd;
    $crowd{'h2c-gzip'}{h2}->hold;
    $reset->pause;

    # more than the kernel takes for a connection of HTTP/2

    flood(150, 60_000);

    ok(eval { wait_for(10, 'they are ended', sub {
                  open_streams() <= $others;
              }, 0.1) }, 'clients that take nothing are ended by send_timeout')
        or diag('open: ', open_streams(), ", others: $others");

    $_->resume for values %crowd, $reset;

    ok(eval { pump(10, 'they see it', sub {
                  !grep { !$_->ended } values %crowd, $reset;
              }) }, 'they see their end')
        or diag(join ' ', grep { !$crowd{$_}->ended } keys %crowd);

    for my $kind (sort keys %crowd) {
        is(logged("stuck-$kind")->{reason}, 'slow', "... as slow: $kind");
    }

    is(logged('forgotten')->{reason}, 'slow', '... with a reset, too');
    is($reset->ended, 'reset', 'reset_timedout_connection resets');
    is($crowd{plain}->ended, 'cut', '... and only where it is on');
    is_deeply([ map { @{$_->faults} } values %crowd ], [],
              'what they got was proper');
}

{
    my %crowd = crowd('/flood', 'gone');
    my $half = $node->sse('/flood?kind=half', rcvbuf => 65536)->wait_position;
    my %taken;

    my $cancelled = $node->sse('/flood?kind=cancelled', rcvbuf => 65536,
                               window => 80_000_000)->wait_position;

    $_->pause for values %crowd, $half, $cancelled;
    flood(150, 60_000);

    pump(10, 'they are in the middle', sub {
        !grep { ($taken{$_} += $crowd{$_}->sip(8000)) < 80_000 } keys %crowd;
    });

    $_->close for values %crowd;
    shutdown $half->{fh}, 1;
    syswrite $cancelled->{fh}, $cancelled->{h2}->cancel;

    ok(eval { wait_for(10, 'they are gone', sub {
                  open_streams() <= $others;
              }) }, 'who leaves in the middle is let go');

    for my $kind (sort keys %crowd) {
        is(logged("gone-$kind")->{reason}, 'client', "... as a client: $kind");
    }

    is($cancelled->ended, undef,
       '... and who cancels and still does not read holds no stream');
    $_->close for $half, $cancelled;

    is(logged($_)->{reason}, 'client', "... as a client: $_")
        for qw(half cancelled);
}

# limit_rate stops, the client stops: it goes on after both, in any order

{
    my %slowed = map {
        $_ => $node->sse("/slowed?kind=slowed-$_", rcvbuf => 65536, tape => 1,
                         keep => 0, %{$greedy{$_}})
    } qw(plain 1.0 tls h2 h2c-closed);
    my $fast = $node->sse('/flood', tape => 1);

    $_->wait_position for values %slowed, $fast;
    $_->pause for values %slowed;

    flood(60, 60_000);
    $fast->wait_records(60);

    my $end = length $fast->tape;

    ok(eval {
        pump(30, 'all', sub {
            $_->sip(1 + rand 30_000) for (values %slowed) x 3;
            !grep { length $_->tape < $end } values %slowed;
        });
    }, 'a slow client of a slow location gets on');

    is(scalar(grep { $_->tape ne $fast->tape } values %slowed), 0,
       '... and has the same bytes')
        or diag(map { "$_: " . length($slowed{$_}->tape) . " of $end\n" }
                    keys %slowed);

    $_->close for values %slowed, $fast;
}

for my $path (qw(/linger /brief)) {
    my $more = "GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n" x 40;
    my %talks = (
        'plain' => $node->sse("$path?kind=talks", send_body => $more),
        'tls'   => $node->sse("$path?kind=talks", send_body => $more, tls => 1),
        'mute'  => $node->sse("$path?kind=mute"),
    );

    $_->wait_position for values %talks;
    syswrite $_->{fh}, $more for @talks{qw(plain tls)};

    for my $name (sort keys %talks) {
        is($talks{$name}->wait_end, 'done',
           "$path: the end comes whole to who talks meanwhile: $name");
        is(($talks{$name}->events->[-1] // {})->{data}, 'limit',
           '... with its reason');
    }
}


# ---- the end, and what nginx says that it sent

$node->signal('QUIT');

ok(eval { pump(20, 'all end', sub { !grep { !$_->ended } values %sse }) },
   'all streams end when nginx does')
    or diag(join ' ', grep { !$sse{$_}->ended } @kinds);

for my $kind (@kinds) {
    my $sse = $sse{$kind};
    my $came = $sse->came;
    my $line = logged($kind);

    is($sse->ended, 'done', "$kind: the response is complete");
    ok(body($kind) eq $plain->tape, '... and the same to its end')
        or diag(substr body($kind), -200);
    is($line->{bytes}, $came->{all}, '... $bytes_sent is what came');
    is($line->{body}, $came->{all} - $came->{head},
       '... $body_bytes_sent, too');

    my $ssl = $kind eq 'tls1.2' ? 'TLSv1.2' : $sse->{tls} ? 'TLSv1.3' : '-';
    is($line->{ssl}, $ssl, '... over ' . ($ssl eq '-' ? 'TCP' : $ssl));

    my $said = $kind =~ /^via/ ? logged("behind-$kind") : $line;
    is("$said->{records} $said->{reason}", '125 drain',
       '... $kafka_sse_records and why it ended');

    my $head = logged("head-$kind");
    is("$head->{status} $head->{body}", '200 0', '... HEAD has no body');
}

like($plain->tape, qr/\nevent: stream-end\ndata: drain\n\n\z/,
     'the last that was seen is the end');

finish;
