# Pages of other origins: who may read an answer is said on each one, errors
# too; preflights are answered before anybody asks who it is; look-alikes of an
# origin are somebody else; and a real browser agrees.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

use KafkaSSE::Browser;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('cors');

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, tls => 1,
    http => <<'HTTP', server => <<"SERVER")->start;
kafka_sse_heartbeat 200ms;
kafka_sse_cors https://shop.example https://*.tenants.example credentials;
limit_req_zone $uri zone=rate:64k rate=1r/m;
limit_conn_zone $uri zone=conn:64k;
map "$http_authorization|$cookie_session" $known {
    "Bearer ok|" 1;
    ~\|secret$   1;
}
HTTP
location = /open { kafka_sse $topic; }
location = /any { kafka_sse $topic; kafka_sse_cors *; }
location = /off { kafka_sse $topic; kafka_sse_cors off; }
location = /plain { return 200 "no kafka_sse here"; }
location = /status { kafka_sse_status; }

location = /denied { kafka_sse $topic; deny all; }
location = /denied-page { kafka_sse $topic; deny all;
                          error_page 403 /page.json; }
location = /denied-named { kafka_sse $topic; deny all;
                           error_page 403 \@named; }
location = /denied-renamed { kafka_sse $topic; deny all;
                             error_page 403 =404 \@named; }
location = /denied-fine { kafka_sse $topic; deny all;
                          error_page 403 = /page.json; }
location = /except { kafka_sse $topic; limit_except GET { deny all; } }
location = /returned { kafka_sse $topic; return 403; }
location = /if { kafka_sse $topic; if (\$arg_no) { return 429 "later\\n"; } }
location = /private { kafka_sse $topic; auth_request /check; }
location = /private-any { kafka_sse $topic; auth_request /check;
                          kafka_sse_cors *; }
location = /rate { kafka_sse $topic; limit_req zone=rate;
                   limit_req_status 429; }
location = /conn { kafka_sse $topic; limit_conn conn 1; }
location = /small { kafka_sse $topic; client_max_body_size 1; }
location = /elsewhere { kafka_sse $topic; rewrite ^ /plain last; }
location = /tried { kafka_sse $topic; try_files /none /plain; }
location = /added { kafka_sse $topic; add_header X-Added yes always;
                    gzip on; gzip_vary on; gzip_types text/event-stream;
                    gzip_min_length 0; }

location = /check { internal; if (\$known) { return 204; } return 401; }
location = /page.json { internal; return 200 '{"page":1}'; }
location \@named { return 403 '{"named":1}'; }
SERVER

$node->ready([ $topic ]);

my $shop = 'https://shop.example';


# Headers of one name, each line of its own; streams do not end, so it is read
# up to the end of the head.

sub ask ($path, %opt) {
    my $method = $opt{method} // 'GET';
    my @headers = (exists $opt{origin} ? "Origin: $opt{origin}" : (),
                   @{$opt{headers} // []});

    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $node->port, Timeout => 5)
               // die "connect: $!";

    print $sock join "\r\n", "$method $path HTTP/1.1", 'Host: localhost',
                             'Connection: close', @headers, '',
                             $opt{body} // '';

    my $raw = '';

    wait_for(10, "an answer to $method $path", sub {
        my $in = '';
        vec($in, fileno $sock, 1) = 1;
        select($in, undef, undef, 0.5) or return 0;
        my $n = sysread $sock, $raw, 65536, length $raw;
        return !$n || ($raw =~ /\r\n\r\n/ && !$opt{whole});
    }, 0);

    my ($head, $body) = split /\r\n\r\n/, $raw, 2;
    my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)};
    my %headers;

    for ((split /\r\n/, $head // '')[1 .. ($head =~ tr/\n//)]) {
        my ($name, $value) = /^([^:]+): (.*)/;
        push @{$headers{lc $name}}, $value;
    }

    return { status => $status // 0, headers => \%headers, body => $body };
}


# What an answer says about origins: each header's lines, joined with "|"

sub said ($r) {
    my %said = map { s/^access-control-//r => join '|', @{$r->{headers}{$_}} }
               grep { /^access-control-/ || $_ eq 'vary' }
               keys %{$r->{headers}};
    return \%said;
}

my $expose = 'Kafka-SSE-Resume, Retry-After, WWW-Authenticate';

my %allowed = ('allow-origin' => $shop, 'allow-credentials' => 'true',
               'expose-headers' => $expose, vary => 'Origin');
my %refused = (vary => 'Origin');
my %any = ('allow-origin' => '*', 'expose-headers' => $expose);

sub answer_is ($name, $r, $status, $said) {
    is($r->{status}, $status, $name);
    is_deeply(said($r), $said, '... '
              . ($said->{'allow-origin'} ? 'readable' : 'not readable'));
}


# ---- a stream

answer_is('an allowed origin has its stream', ask('/open', origin => $shop),
          200, \%allowed);
answer_is('a subdomain of the wildcard',
          ask('/open', origin => 'https://a.tenants.example'), 200,
          { %allowed, 'allow-origin' => 'https://a.tenants.example' });
answer_is('no origin: a cache is told that it depends on it', ask('/open'),
          200, \%refused);
answer_is('another origin gets no word for it',
          ask('/open', origin => 'https://evil.example'), 200, \%refused);
answer_is('HEAD has the same headers',
          ask('/open', origin => $shop, method => 'HEAD'), 200, \%allowed);
answer_is('"*" is said to everybody', ask('/any', origin => $shop), 200,
          \%any);
answer_is('... also to who has no origin, so nothing varies', ask('/any'),
          200, \%any);
answer_is('... and to "null"', ask('/any', origin => 'null'), 200, \%any);
answer_is('"off" says nothing', ask('/off', origin => $shop), 200, {});
answer_is('another location says nothing', ask('/plain', origin => $shop),
          200, {});
answer_is('the status is not given to pages', ask('/status', origin => $shop),
          200, {});
answer_is('gzip_vary and add_header go on beside it',
          ask('/added', origin => $shop,
              headers => [ 'Accept-Encoding: gzip' ]),
          200, { %allowed, vary => 'Accept-Encoding|Origin' });

{
    my $r = ask('/added', origin => $shop);
    is($r->{headers}{'x-added'}[0], 'yes', 'add_header adds its own');
}


# ---- look-alikes of https://shop.example and https://*.tenants.example

my $long = 'a' x 300;

my %look_alike = (
    'a longer name behind'       => 'https://shop.example.evil.io',
    'a longer name before'       => 'https://evilshop.example',
    'null'                       => 'null',
    'a star'                     => '*',
    'upper case'                 => 'https://Shop.example',
    'an upper-case scheme'       => 'HTTPS://shop.example',
    'another port'               => 'https://shop.example:8443',
    'the default port'           => 'https://shop.example:443',
    'http for https'             => 'http://shop.example',
    'a trailing dot'             => 'https://shop.example.',
    'a trailing slash'           => 'https://shop.example/',
    'a path'                     => 'https://shop.example/x',
    'a subdomain of an exact origin' => 'https://a.shop.example',
    'a subdomain of a subdomain' => 'https://a.b.tenants.example',
    'the wildcard\'s own domain' => 'https://tenants.example',
    'the wildcard itself'        => 'https://*.tenants.example',
    'an empty label'             => 'https://.tenants.example',
    'another host behind a user' => 'https://shop.example@evil',
    'a user as a label'          => 'https://a@.tenants.example',
    'a tab behind'               => "https://shop.example\t",
    'a space inside'             => 'https://shop.example evil.io',
    'a control character behind' => "https://shop.example\x01",
    'two origins in one header'  => 'https://shop.example, https://evil.io',
    'two of the same in one header'
                                 => 'https://shop.example https://shop.example',
    'a punycode look-alike'      => 'https://xn--shp-fmc.example',
    'a unicode look-alike'       => "https://sh\xd0\xbep.example",
    'a percent-encoded stop'     => 'https://shop.example%2eevil.io',
    'brackets'                   => 'https://[shop.example]',
    'an IPv6 address'            => 'https://[::1]',
    'an underscore in a label'   => 'https://a_b.tenants.example',
    'a hyphen first'             => 'https://-a.tenants.example',
    'a slash in a label'         => 'https://evil.io/.tenants.example',
    'a question mark in a label' => 'https://evil.io?.tenants.example',
    'a label of 300 bytes'       => "https://$long.tenants.example",
    'a name of 300 bytes'        => "https://$long.example",
    'an empty header'            => '',
);

for my $name (sort keys %look_alike) {
    answer_is("refused: $name", ask('/open', origin => $look_alike{$name}),
              200, \%refused);
}

answer_is('refused: two Origin headers, both allowed',
          ask('/open', origin => $shop, headers => [ "Origin: $shop" ]),
          200, \%refused);
answer_is('refused: two Origin headers, the first allowed',
          ask('/open', origin => $shop,
              headers => [ 'Origin: https://evil.io' ]), 200, \%refused);
answer_is('refused: two Origin headers, the last allowed',
          ask('/open', origin => 'https://evil.io',
              headers => [ "Origin: $shop" ]), 200, \%refused);
answer_is('nginx itself refuses NUL in a header',
          ask('/open', origin => "$shop\0"), 400, {});
answer_is('a line of its own is no part of the header',
          ask('/open', origin => "$shop\r\nX-Evil: 1"), 200, \%allowed);


# ---- errors, ours and nginx's own

my @preflight = ('Access-Control-Request-Method: GET',
                 'Access-Control-Request-Headers: authorization');

for my $case (
    [ '400, no start', '/open?since=nonsense', 400 ],
    [ '405, another method', '/open', 405, method => 'DELETE' ],
    [ '405, OPTIONS that is no preflight', '/open', 405,
      method => 'OPTIONS' ],
    [ '406, other types', '/open', 406, headers => [ 'Accept: text/html' ] ],
    [ '401 of auth_request', '/private', 401 ],
    [ '403 of deny', '/denied', 403 ],
    [ '403 of limit_except', '/except', 403, method => 'POST',
      headers => [ 'Content-Length: 0' ] ],
    [ '403 of return', '/returned', 403 ],
    [ '429 of return within if', '/if?no=1', 429 ],
    [ '413, before any phase', '/small', 413, method => 'POST',
      headers => [ 'Content-Length: 5' ], body => '12345' ],
    [ '403 with an error_page', '/denied-page', 403 ],
    [ '403 with a named location', '/denied-named', 403 ],
    [ '404 that an error_page makes of it', '/denied-renamed', 404 ],
    [ '200 that an error_page makes of it', '/denied-fine', 200 ],
) {
    my ($name, $path, $status, %opt) = @$case;

    answer_is($name, ask($path, origin => $shop, %opt), $status, \%allowed);
    answer_is('... for another origin',
              ask($path, origin => 'https://evil.io', %opt), $status,
              \%refused);
}

is(ask('/denied-page', origin => $shop, whole => 1)->{body}, '{"page":1}',
   'the page of error_page is what is readable');

like(ask('/open', origin => $shop, method => 'OPTIONS')->{headers}{allow}[0],
     qr/^GET, HEAD$/, 'OPTIONS that is no preflight is told of GET and HEAD');

# the second one within a minute

answer_is('the first request passes limit_req', ask('/rate', origin => $shop),
          200, \%allowed);
answer_is('429 of limit_req', ask('/rate', origin => $shop), 429, \%allowed);

{
    my $open = $node->sse('/conn')->wait_position;

    answer_is('503 of limit_conn', ask('/conn', origin => $shop), 503,
              \%allowed);
    $open->close;
}

answer_is('what a rewrite leads to is not given away',
          ask('/elsewhere', origin => $shop), 200, {});
answer_is('... nor what try_files does', ask('/tried', origin => $shop), 200,
          {});


# ---- preflights

my %preflight = (%allowed, 'allow-methods' => 'GET, HEAD',
                 'allow-headers' =>
                     'Authorization, Last-Event-ID, Cache-Control, Accept',
                 'max-age' => 7200);

sub preflight ($path, $origin = $shop, @headers) {
    return ask($path, method => 'OPTIONS', origin => $origin, whole => 1,
               headers => [ @preflight, @headers ]);
}

answer_is('a preflight', preflight('/open'), 204, \%preflight);
is(preflight('/open')->{body}, '', '... has no body');
answer_is('... is not asked who it is', preflight('/private'), 204,
          \%preflight);
answer_is('... nor denied', preflight('/denied'), 204, \%preflight);
answer_is('... nor by limit_except', preflight('/except'), 204,
          \%preflight);
answer_is('... nor limited', preflight('/rate'), 204, \%preflight);

{
    my %want = (%preflight, %any);
    delete @want{qw(vary allow-credentials)};

    answer_is('a preflight where "*" is configured', preflight('/any'), 204,
              \%want);
    answer_is('... with auth_request', preflight('/private-any'), 204, \%want);
}

answer_is('the preflight of another origin',
          preflight('/open', 'https://evil.io'), 403, \%refused);
is(json_decode(preflight('/open', 'https://evil.io')->{body})->{error},
   'origin-not-allowed', '... is told so');
answer_is('the preflight with two origins',
          preflight('/open', $shop, "Origin: $shop"), 403, \%refused);
answer_is('what was asked for is never repeated',
          preflight('/open', $shop,
                    'Access-Control-Request-Headers: x-evil, cookie',
                    'Access-Control-Request-Private-Network: true'),
          204, \%preflight);
answer_is('a preflight for another method is told of ours',
          ask('/open', method => 'OPTIONS', origin => $shop,
              headers => [ 'Access-Control-Request-Method: PUT' ]),
          204, \%preflight);
answer_is('OPTIONS with a method and no origin is no preflight',
          ask('/open', method => 'OPTIONS', headers => \@preflight), 405,
          \%refused);
answer_is('"off" answers no preflight', preflight('/off'), 405, {});
answer_is('a body with a preflight is thrown away',
          ask('/open', method => 'OPTIONS', origin => $shop,
              headers => [ @preflight, 'Content-Length: 3' ], body => "abc"),
          204, \%preflight);


# ---- HTTP/2

{
    my @curl = (qw(curl -sSk --http2 -D - -o /dev/null --max-time 5));
    my $url = 'https://127.0.0.1:' . $node->tls_port;

    my $r = run([ @curl, '-X', 'OPTIONS', '-H', "Origin: $shop",
                  map({ ('-H', $_) } @preflight), "$url/private" ]);

    like($r->{out}, qr{^HTTP/2 204}, 'HTTP/2: a preflight');
    like($r->{out}, qr{^access-control-allow-origin: \Q$shop\E\r$}m,
         '... is allowed');

    $r = run([ @curl, '-H', "Origin: $shop", "$url/private" ]);

    like($r->{out}, qr{^HTTP/2 401}, 'HTTP/2: a refusal');
    like($r->{out}, qr{^access-control-allow-origin: \Q$shop\E\r$}m,
         '... is readable');
}


# ---- a browser, a page of one origin, and streams of another

# Three origins of one site, as a cookie of another site is a matter of its own:
# it comes with what the refused one asks for, too.

my $pages = KafkaSSE::Nginx->new(tls => 1, load => 0, server => <<'SERVER');
location / { default_type text/html; return 200 "<title>page</title>"; }
SERVER

my $page = 'https://page.site.test:' . $pages->tls_port;
my $evil = 'https://evil.site.test:' . $pages->tls_port;
my $api = 'https://api.site.test:' . $node->tls_port;

$pages->start;

$node->set(http => $node->{http} =~ s{https://shop\.example}{$page}r);
$node->reload;

my $browser = KafkaSSE::Browser->new(
    flags => [ '--host-resolver-rules=MAP *.test 127.0.0.1' ]);

# runs in the page; done() ends it

sub in_page ($url, $script) {
    $browser->open("$url/");
    return $browser->js_async(<<"JS");
const done = arguments[arguments.length - 1];
const api = "$api";
setTimeout(() => done({ timeout: true }), 15000);
(async () => { try { $script } catch (e) { done({ error: e.name }); } })();
JS
}

my $fetch_stream = <<'JS';
const r = await fetch(api + path, options);
if (!r.ok) { done({ status: r.status, text: await r.text() }); return; }
const reader = r.body.getReader();
const { value } = await reader.read();
const text = new TextDecoder().decode(value);
reader.cancel();
done({ status: r.status, resume: r.headers.get("kafka-sse-resume"),
       text: text });
JS

{
    my $got = in_page($page, 'const path = "/private", options = {};'
                             . $fetch_stream);
    is($got->{status}, 401, 'browser: fetch() can read a 401')
        or diag(json_encode($got));
}

{
    my $got = in_page($page, 'const path = "/private", options = { headers: '
                             . '{ Authorization: "Bearer ok" } };'
                             . $fetch_stream);

    is($got->{status}, 200, 'browser: fetch() with Authorization has a stream')
        or diag(json_encode($got));
    is($got->{resume}, 'fresh', '... and sees Kafka-SSE-Resume');
    like($got->{text}, qr/^retry: /, '... and its first bytes');

    like($node->access_log, qr{"OPTIONS /private HTTP/2.0" 204 },
         '... after a preflight');
}

{
    # bytes that the CORS safelist does not have (Fetch Standard, 2.2.2)

    my $got = in_page($page, 'const path = "/open", options = { headers: '
                             . '{ "Last-Event-ID": "a(b)" } };'
                             . $fetch_stream);
    is($got->{status}, 200, 'browser: fetch() with a Last-Event-ID')
        or diag(json_encode($got));
    like($node->access_log, qr{"OPTIONS /open HTTP/2.0" 204 },
         '... after a preflight');
}

my $event_source = <<'JS';
const source = new EventSource(api + path, options);
source.onerror = () => { if (source.readyState === 2) done({ closed: true }); };
source.onmessage = e => { source.close(); done({ data: e.data }); };
JS

sub event_source ($url, $path, $options) {
    my $got;
    my $value = unique('value');

    # records, until the page has one

    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        local $SIG{TERM} = sub { POSIX::_exit(0) };
        for (1 .. 100) {
            eval { $kafka->produce([ { topic => $topic, value => $value } ]) };
            select undef, undef, undef, 0.2;
        }
        POSIX::_exit(0);
    }

    $got = eval {
        in_page($url, "const path = '$path', options = $options;"
                      . $event_source);
    };

    kill TERM => $pid;
    waitpid $pid, 0;

    return { %{$got // { error => $@ }}, value => $value };
}

{
    # the cookie is the api's own: it is set by a page there

    $browser->open("$api/plain");
    $browser->js('document.cookie = '
                 . '"session=secret; Secure; SameSite=Strict"; return 1');

    my $got = event_source($page, '/private', '{ withCredentials: true }');

    is($got->{data}, $got->{value},
       'browser: EventSource with its cookie receives records')
        or diag(json_encode($got));

    $got = event_source($page, '/private', '{}');
    ok($got->{closed}, '... and is refused without')
        or diag(json_encode($got));

    $got = event_source($page, '/any', '{}');
    is($got->{data}, $got->{value}, '... "*" is enough for who has none')
        or diag(json_encode($got));

    $got = event_source($page, '/any', '{ withCredentials: true }');
    ok($got->{closed}, '... and not for who brings one')
        or diag(json_encode($got));
}

{
    my $got = event_source($evil, '/private', '{ withCredentials: true }');
    ok($got->{closed}, 'browser: another origin has no event')
        or diag(json_encode($got));

    for my $path (qw(/open /private /denied)) {
        my $got = in_page($evil, "const path = '$path', options = "
                                 . '{ credentials: "include" };'
                                 . $fetch_stream);
        is_deeply($got, { error => 'TypeError' },
                  "... and fetch() of $path reads nothing");
    }

    my $before = () = $node->access_log =~ m{"GET /private}g;
    my $preflights = () = $node->access_log =~ m{"OPTIONS /private.*" 403 }g;
    my $got2 = in_page($evil, 'const path = "/private", options = { headers: '
                              . '{ Authorization: "Bearer ok" } };'
                              . $fetch_stream);

    is_deeply($got2, { error => 'TypeError' },
              '... nor with Authorization');

    my $log = $node->access_log;
    is(scalar(() = $log =~ m{"GET /private}g), $before,
       '... which is not even sent');
    is(scalar(() = $log =~ m{"OPTIONS /private.*" 403 }g), $preflights + 1,
       '... as the preflight is refused');
}

$browser->close;

ok(scalar($node->log_lines(
       qr{\[info\].*origin "https://evil\.site\.test:\d+" is not allowed})),
   'the log tells of origins that are refused');

finish;
