# What a client sees of HTTP and of the event stream, apart from the records.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('sse', partitions => 2);

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, tls => 1, workers => 2,
    http => <<'END', server => <<"END")->start;
limit_conn_zone $binary_remote_addr zone=addr:1m;
log_format short '$request_method $uri $status $body_bytes_sent';
END
kafka_sse_heartbeat 300ms;
location /s { kafka_sse $topic; }
location /default { kafka_sse $topic; kafka_sse_heartbeat 15s; }
location /off { kafka_sse $topic; kafka_sse_heartbeat off; }
location /slow { kafka_sse $topic; kafka_sse_heartbeat 700ms; }
location /retry { kafka_sse $topic; kafka_sse_retry 100ms jitter=50ms; }
location /fixed { kafka_sse $topic; kafka_sse_retry 1234ms; }
location /limited { kafka_sse $topic; limit_conn addr 1; }
location /denied { kafka_sse $topic; deny all; }
location /checked { kafka_sse $topic; auth_request /check; }
location /check { if (\$arg_pass = "") { return 401; } return 204; }
location = /checked-in { kafka_sse $topic; auth_request /yes; }
location = /yes { return 204; }
location = /logged {
    kafka_sse $topic;
    access_log logs/short.log short;
}
location /gzip {
    kafka_sse $topic;
    gzip on; gzip_types text/event-stream; gzip_min_length 0;
}
location /plain { kafka_sse $topic; chunked_transfer_encoding off; }
location /rated { kafka_sse $topic; limit_rate 100k; }
location /added { kafka_sse $topic; add_header X-Added yes; }
END

$node->ready([ $topic ]);


# ---- the response

my $sse = $node->sse('/s')->wait_position;

is($sse->status, 200, 'the status is 200');
is($sse->header('content-type'), 'text/event-stream; charset=utf-8',
   'the type is an event stream in UTF-8');
is($sse->header('cache-control'), 'no-store', 'nothing caches it');
is($sse->header('x-accel-buffering'), 'no', 'no proxy before us buffers it');
is($sse->header('kafka-sse-resume'), 'fresh', 'the stream is fresh');
is($sse->header('content-length'), undef, 'there is no length');
is($sse->header('transfer-encoding'), 'chunked', 'HTTP/1.1 is chunked');


# ---- the first bytes, on an idle topic

{
    my $idle = $node->sse('/default');
    my $began = time;

    $idle->wait_for(2, 'first bytes', sub { @{$idle->comments} });

    cmp_ok(time - $began, '<', 1 * slow(),
           'the first bytes come at once on an idle topic');
    ok(defined $idle->retry, 'they have "retry:"');
    $idle->wait_position;
    ok(position($idle->ids->[0]), 'a bare "id:" tells the position')
        or diag($idle->describe);
    is(scalar @{$idle->events}, 0, 'and no event');
}


# ---- retry

sub retries ($path, $n) {
    my @sse = map { $node->sse($path) } 1 .. $n;
    pump(5, 'all have "retry:"', sub { !grep { !defined $_->retry } @sse });
    my @retries = map { $_->retry } @sse;
    $_->close for @sse;
    return sort { $a <=> $b } @retries;
}

{
    my @default = retries('/s', 30);
    ok($default[0] >= 2000 && $default[-1] <= 5000,
       'retry is 2 s and up to 3 s of jitter') or diag("@default");
    my %different = map { $_ => 1 } @default;
    cmp_ok(keys %different, '>', 20, 'each client has its own retry')
        or diag("@default");

    my @own = retries('/retry', 20);
    ok($own[0] >= 100 && $own[-1] <= 150 && $own[0] != $own[-1],
       'retry and its jitter are as configured') or diag("@own");

    my @fixed = retries('/fixed', 3);
    is("@fixed", '1234 1234 1234', 'retry without jitter is the same for all');
}


# ---- heartbeats

{
    my %beat = map { $_ => $node->sse("/$_")->wait_position }
                   qw(s off slow default);
    my %before = map { $_ => scalar @{$beat{$_}->comments} } keys %beat;
    my $began = time;

    $beat{slow}->wait_for(10, '3 heartbeats', sub {
        @{$beat{slow}->comments} >= $before{slow} + 3;
    });

    my $took = time - $began;
    my %got = map { $_ => @{$beat{$_}->comments} - $before{$_} } keys %beat;

    cmp_ok($took, '>=', 3 * 0.7 - 0.7, 'heartbeats come at their interval');
    cmp_ok($got{s}, '>=', 4, 'an inherited interval holds');
    is($got{off}, 0, '"off" sends none');
    is($got{default}, 0, 'and 15 s are longer than this');

    # a client that hears something needs no heartbeat

    my $filling = $kafka->filling($topic, rate => 50);
    my $n;

    $beat{slow}->wait_for(10, 'records', sub { $beat{slow}->records >= 20 });
    $n = @{$beat{slow}->comments};
    $beat{slow}->wait_for(10, 'records', sub { $beat{slow}->records >= 80 });

    is(scalar @{$beat{slow}->comments}, $n,
       'a stream with records has no heartbeats');

    $filling->finish;
    is_deeply($_->faults, [], 'proper') for values %beat;
}


# ---- the same records over every kind of connection

{
    my %kind = (
        'HTTP/1.1'          => $node->sse('/s'),
        'HTTP/1.0'          => $node->sse('/s', http => '1.0'),
        'HTTP/1.1 with TLS' => $node->sse('/s', tls => 1),
        'HTTP/2 with TLS'   => $node->sse('/s', tls => 1, http => '2'),
        'gzip'              => $node->sse('/gzip',
                                          curl_options => [ '--compressed' ]),
        'gzip over HTTP/2'  => $node->sse('/gzip', tls => 1, http => '2',
                                          curl_options => [ '--compressed' ]),
        'no chunks'         => $node->sse('/plain'),
        'limit_rate'        => $node->sse('/rated'),
        'add_header'        => $node->sse('/added'),
        'auth_request'      => $node->sse('/checked-in'),
        'access_log'        => $node->sse('/logged'),
    );

    $_->wait_position for values %kind;

    is($kind{'HTTP/1.0'}->header('transfer-encoding'), undef,
       'HTTP/1.0 has no chunks');
    is($kind{'no chunks'}->header('transfer-encoding'), undef,
       'chunked_transfer_encoding off: no chunks');
    is($kind{'HTTP/2 with TLS'}{version}, '2', 'HTTP/2 is HTTP/2');
    is($kind{'gzip'}->header('content-encoding'), 'gzip', 'gzip is gzip');
    is($kind{'add_header'}->header('x-added'), 'yes', 'add_header adds');

    $kafka->fill($topic, n => 300, size => 300);
    $kafka->produce([
        { topic => $topic, partition => 0, value => "two\r\nlines" },
        { topic => $topic, partition => 0, value => 'x' x 200_000 },
        { topic => $topic, partition => 0, key => 'gone', value => undef },
        { topic => $topic, partition => 0, value => "\0binary" },
    ]);

    for my $kind (sort keys %kind) {
        my $sse = $kind{$kind};
        $sse->wait_records(304, 20);

        my @last = (grep { $_->{data} !~ /^\{"n"/ } $sse->records)[-4 .. -1];

        is_deeply([ map { [ $_->{event}, substr $_->{data}, 0, 20 ] } @last ],
                  [ [ 'message', "two\nlines" ], [ 'message', 'x' x 20 ],
                    [ 'delete', 'gone' ],
                    [ 'binary', substr $last[-1]{data}, 0, 20 ] ],
                  "$kind brings all records")
            or diag($sse->describe);
        is_deeply($sse->faults, [], "$kind has proper bytes");
        is($sse->ended, undef, "$kind stays open");
        $sse->close;
    }

    $node->wait_log('access log', sub {
        slurp($node->prefix . '/logs/short.log') =~ m{^GET /logged 200 \d{6}}m;
    });

    pass('a stream is in the access log with its bytes');
}


# ---- HEAD, and what is refused

{
    my $head = $node->sse('/s', method => 'HEAD');
    is($head->wait_end, 'done', 'HEAD ends');
    is($head->status, 200, 'HEAD has status 200');
    is($head->header('content-type'), 'text/event-stream; charset=utf-8',
       'HEAD has the type');
    is($head->header('cache-control'), 'no-store', 'HEAD has the headers');
    is_deeply($head->faults, [], 'HEAD has no body');
}


sub refused ($name, $status, %opt) {
    my $r = $node->get($opt{path} // '/s', %opt);
    my $json = eval { json_decode($r->{body}) };

    is($r->{status}, $status, "$name is $status") or diag($r->{raw});
    like($r->{headers}{'content-type'} // '', qr{^application/json},
         '... as JSON');
    ok($json && ($json->{error} // '') =~ /^[a-z-]+$/
       && length($json->{message} // ''), '... with error and message')
        or diag($r->{body});

    return $r;
}

for my $method (qw(POST PUT DELETE PATCH)) {
    my $r = refused($method, 405, method => $method,
                    headers => { 'Content-Length' => 4 }, body => 'body');
    like($r->{headers}{allow} // '', qr/\bGET\b.*\bHEAD\b/,
         '... and Allow says what is right');
}

refused("Accept: $_", 406, headers => { Accept => $_ })
    for 'text/html', 'application/json', 'text/event-stream;q=0',
        'text/eventstream', 'application/json, text/html;q=0.9',
        'text/event-stream;q=0, */*';

for my $accept ('text/event-stream', '*/*', 'text/*', 'TEXT/Event-Stream',
                'text/html, text/event-stream;q=0.1',
                'application/json, */*;q=0.01', undef)
{
    my $sse = $node->sse('/s', headers => { Accept => $accept })->wait_headers;
    is($sse->status, 200, 'Accept: ' . ($accept // 'none') . ' is accepted');
    $sse->close;
}


# ---- what nginx itself decides over

is($node->get('/denied')->{status}, 403, 'deny denies');
is($node->get('/checked')->{status}, 401, 'auth_request refuses');

{
    my $first = $node->sse('/limited')->wait_position;
    is($node->get('/limited')->{status}, 503, 'limit_conn limits');
    $first->close;

    my $again = eval {
        wait_for(5, 'the place is free', sub {
            my $sse = $node->sse('/limited')->wait_headers;
            $sse->status == 200;
        }, 0.05);
    };
    ok($again, 'limit_conn frees the place of a client that left');
}


# ---- two clients, one bad: a request that never reads does not stop others

{
    my $stuck = $node->sse('/off', rcvbuf => 4096)->wait_position;
    $stuck->pause;

    my $good = $node->sse('/s', reconnect => 0.05)->wait_position;
    $kafka->fill($topic, n => 4000, size => 2000);
    $good->wait_records(4000, 20);

    is(scalar($good->records), 4000,
       'a client that does not read stops nobody');
    $stuck->close;
}

finish;
