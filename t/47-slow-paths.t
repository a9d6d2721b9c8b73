# Clients that read next to nothing while the log turns over under them, each
# way that bytes leave: halves of writes and frames wait for them, heartbeats
# are due in between, and in the end they have the bytes of a fast client.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $speed = 500;        # bytes per second, of who is slow

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('slow', partitions => 2);
my $large = $kafka->topic('large',
                          config => { 'max.message.bytes' => 4_000_000 });

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, zone => '64m', tls => 1, workers => 1,
    http => <<'HTTP', server => <<"SERVER")->start;
kafka_sse_heartbeat 100ms;
kafka_sse_retry 1s jitter=0;
kafka_sse_slow lag=64m buffer=8k;
gzip_types text/event-stream; gzip_min_length 0; gzip_comp_level 1;
log_format end '$arg_kind $kafka_sse_close_reason $kafka_sse_lag';
access_log logs/end.log end;
HTTP
location = /fast { kafka_sse $topic; kafka_sse_slow lag=64m buffer=off; }
location = /fast-gzip { kafka_sse $topic; kafka_sse_slow lag=64m buffer=off;
                        gzip on; }
location = /slow { kafka_sse $topic; }
location = /slow-gzip { kafka_sse $topic; gzip on; }
location = /cut { kafka_sse $topic; kafka_sse_slow lag=64k buffer=8k; }
location = /cut-gzip { kafka_sse $topic; kafka_sse_slow lag=64k buffer=8k;
                       gzip on; }
location = /large { kafka_sse $large; kafka_sse_slow lag=64k buffer=8k; }
location = /large-gzip { kafka_sse $large; kafka_sse_slow lag=64k buffer=8k;
                         gzip on; }
location = /status { kafka_sse_status; }
SERVER

$node->ready([ $topic, $large ]);

# The socket of HTTP/2 is not ours to tune, and its kernel takes a lot: its
# client is slow by its window.

my %way = (
    'plain' => {},
    'tls'   => { tls => 1 },
    'h2'    => { tls => 1, window => 2000 },
    'gzip'  => { tls => 1, gzip => 1 },
);
my @kinds = sort keys %way;

sub stream ($path, $kind, %opt) {
    $path .= '-gzip' if $way{$kind}{gzip};

    return $node->sse("$path?kind=$kind", tape => 1, %{$way{$kind}}, %opt);
}

sub crowd ($path, %opt) {
    my %crowd = map { $_ => stream($path, $_, %opt) } @kinds;
    $_->wait_position for values %crowd;
    return %crowd;
}

sub fast_crowd ($path) {
    my %crowd = crowd($path, keep => 0);
    widen(values %crowd);
    return %crowd;
}

sub slow_crowd ($path, %opt) {
    my %crowd = crowd($path, rcvbuf => 16384, %opt);
    $_->pause for values %crowd;
    return %crowd;
}

sub widen (@sse) {
    syswrite $_->{fh}, $_->{h2}->widen(1_000_000) for grep { $_->{h2} } @sse;
}

# a large buffer: to be slow is over

sub awake (@sse) {
    setsockopt $_->{fh}, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 1 << 20
        for @sse;
    widen(@sse);
    $_->resume for @sse;
}

sub closed { $node->status->{streams}{closed}{slow} }

# a heartbeat stands between events, and nowhere else

sub text ($sse) { $sse->tape =~ s/(?<=\n\n)(?::\n\n)+//gr }

# so many in a row: nothing else has come for some time

sub silent ($sse, $n = 2) {
    return substr($sse->tape, -2 - 3 * $n) eq "\n\n" . ":\n\n" x $n;
}

# about 64 KB of records that gzip can do little with

my $noise = join '', map { chr 33 + rand 94 } 1 .. 200_000;

sub some_records ($to, $n = 32, $size = 2000) {
    $kafka->produce([ map {
        { topic => $to, partition => int rand 2, key => 'k',
          value => substr $noise, rand 200_000 - $size, $size }
    } 1 .. $n ]);
}

# takes what is due, a few bytes each time

sub trickle (@slow) {
    my $now = time;

    for my $sse (@slow) {
        my $due = int(($now - ($sse->{trickled} //= $now)) * $speed);
        next if $due < 1;

        $sse->{trickled} = $now;
        $sse->{sipped} += $sse->sip($due);
    }
}

# all that a fast client has

sub wait_all ($slow, $fast, $seconds) {
    my $n = length text($fast);

    eval {
        pump($seconds, 'all of it', sub {
            !grep { length $_->tape < $n || !silent($_, 1) } values %$slow;
        });
    } or diag(map { "$_: " . length($slow->{$_}->tape) . " of $n\n" } @kinds);
}


# ---- hardly reading, then a little, then all

{
    my %fast = fast_crowd('/fast');
    my %slow = slow_crowd('/slow', keep => 0);
    my @slow = values %slow;
    my $fast = $fast{plain};
    my $chunks = 30;

    for my $chunk (1 .. $chunks) {
        some_records($topic);

        pump(20, "chunk $chunk", sub {
            trickle(@slow);
            length $fast->tape > $chunk * 64000
                && !grep { ($_->{sipped} // 0) < $chunk * 100 } @slow;
        });
    }

    pass('slow clients have taken a little');
    is_deeply([ grep { length $slow{$_}->tape > $chunks * 64000 / 2 } @kinds ],
              [], "... and are half of $chunks chunks behind at least");

    # more of each, while records still flow

    for (1 .. 10) {
        my %more;

        some_records($topic);

        pump(20, '5 KB more of each', sub {
            $more{$_} += $slow{$_}->sip(1 + rand 2000) for @kinds;
            !grep { $more{$_} < 5000 } @kinds;
        });
    }

    # heartbeats say to the fast that there is no more

    pump(20, 'the last records', sub {
        !grep { !silent($_) } values %fast;
    });

    is(closed(), 0, '... none is closed');

    awake(@slow);
    wait_all(\%slow, $fast, 40);

    for my $kind (@kinds) {
        ok(text($fast{$kind}) eq text($fast),
           "$kind: a fast client has the bytes of HTTP/1.1");
        ok(text($slow{$kind}) eq text($fast{$kind}),
           '... and a slow one the same');
        is_deeply($slow{$kind}->faults, [], '... in a proper stream');
        is($slow{$kind}->connects . ($slow{$kind}->ended // ''), 1,
           '... of one connection');
    }

    is(closed(), 0, 'none was closed');
    $_->close for values %fast, values %slow;
}

# ---- a record that is larger than the limit

{
    my %fast = fast_crowd('/large');
    my %slow = slow_crowd('/large', keep => 0);
    my $witness = stream('/cut', 'plain', rcvbuf => 16384)->wait_position;

    $witness->pause;

    $kafka->produce([ { topic => $large, value => $noise x 5 } ]);

    pump(20, 'fast clients', sub {
        trickle(values %slow);
        !grep { length $_->tape < 1_000_000 } values %fast;
    });

    # who is closed for less shows that it has been looked

    $kafka->fill($topic, n => 400, size => 1000);

    pump(20, 'the one that is too slow', sub {
        trickle(values %slow);
        closed() > 0;
    });

    is(closed(), 1, 'lag=64k closes who is behind, not for one record');

    awake(values %slow);
    wait_all(\%slow, $fast{plain}, 30);

    for my $kind (@kinds) {
        ok(text($slow{$kind}) eq text($fast{$kind}),
           "$kind: a record of 1 MB gets through with lag=64k");
        is_deeply($slow{$kind}->faults, [], '... in a proper stream');
    }

    is(closed(), 1, 'and nobody was too slow');
    $_->close for $witness, values %fast, values %slow;
}


# ---- cut in the middle

{
    my $open = sub { $node->status->{streams}{open} };
    wait_for(10, 'no stream', sub { !$open->() });

    my $fast = stream('/fast', 'plain')->wait_position;
    my %slow = slow_crowd('/cut');
    my $before = closed();

    pump(40, 'all are closed', sub {
        trickle(values %slow);
        some_records($topic) if silent($fast, 1);
        closed() - $before == @kinds;
    });

    is($open->(), 1, 'who is too slow is closed, whatever its way');

    awake(values %slow);
    pump(20, 'they see it', sub { !grep { !$_->ended } values %slow });
    pump(20, 'the last records', sub { silent($fast) });

    my $all = text($fast);
    my $n = $fast->records;
    my %back = map {
        $_ => stream('/fast', $_, last_event_id => $slow{$_}->last_id)
    } @kinds;

    for my $kind (@kinds) {
        my $text = text($slow{$kind});

        isnt($slow{$kind}->ended, 'done',
             "$kind: does not take it for an end in order");
        cmp_ok(length $text, '<', length $all, '... has been cut');
        ok(substr($all, 0, length $text) eq $text,
           '... and had the same up to there');
        is_deeply($slow{$kind}->faults, [], '... properly');

        my $had = $slow{$kind}->records;
        eval { $back{$kind}->wait_records($n - $had, 20) };

        ok(join("\n", map { $_->{data} } $slow{$kind}->records,
                          $back{$kind}->records)
           eq join("\n", map { $_->{data} } $fast->records),
           '... it comes back and has each record once')
            or diag("$had + ", scalar($back{$kind}->records), " of $n");
    }

    $_->close for $fast, values %back;

    $node->wait_log('their ends', sub {
        my %lag = map { /^(\S+) slow (\d+)$/ ? ($1 => $2) : () }
                  split /\n/, slurp($node->prefix . '/logs/end.log');
        @kinds == grep { ($lag{$_} // 0) > 65536 } @kinds;
    });

    pass('the log has each of them as slow, with its lag');
}

is_deeply([ $node->log_lines(qr/\[(?:crit|error)\]/) ], [],
          'nothing of this is an error');

finish;
