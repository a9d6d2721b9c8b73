# The configurations of conf/ do what they say: each is run as it stands, but
# for addresses and paths.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Token;

my $top = "$FindBin::Bin/..";
my $keys = tempdir() . '/keys';
mkdir $keys or die "$keys: $!";
chmod 0755, tempdir(), $keys;

my $kafka = KafkaSSE::Kafka->new;       # with topics of these very names
my $redis = KafkaSSE::Redis->new;

$kafka->create($_)
    for qw(orders bookings news alerts orders.acme.eu orders.acme.us
           orders.other.eu);


# ---- tokens

my $issuer = KafkaSSE::Token->new;

# A key for ES256 of this name, and its public part as a set of JSON Web Keys.

sub new_key ($name, $kid) {
    spew("$keys/$name.jwks", $issuer->jwks(
        $issuer->jwk("p256-$name", kid => $kid, alg => 'ES256',
                     use => 'sig')));
}


# A token by the key of this name, or by a secret.

sub token ($claims, %by) {
    my %claims = (exp => time + 3600, %$claims);

    return $by{secret}
        ? $issuer->token('HS256', \%claims, key => $by{secret}, typ => 'JWT')
        : $issuer->token('ES256', \%claims, key => "p256-$by{key}",
                         kid => $by{kid}, typ => 'JWT');
}


# ---- an example, at our addresses

sub example ($file, %change) {
    my $nginx = KafkaSSE::Nginx->new;
    my $p = $nginx->prefix;
    my $port = $nginx->port;
    my $h2 = KafkaSSE::Nginx::version() >= 1_025_001 ? '' : ' http2';
    my $tls = KafkaSSE::Nginx::certificate();
    my $text = slurp("$top/conf/$file");

    my @change = (
        'modules/ngx_kafka_sse_module.so' => KafkaSSE::Nginx::module(),
        '/var/log/nginx/' => "$p/logs/",
        'localhost:9092' => $kafka->address,
        'redis://127.0.0.1:6379' => $redis->url . ' prefix=' . unique('p'),
        %change,
    );

    push @change, $file eq 'nginx.conf'
        ? (' 80;' => " 127.0.0.1:$port;")
        : ('443 ssl http2' => "127.0.0.1:$port ssl$h2",
           '/etc/nginx/tls/cert.pem' => $tls->{crt},
           '/etc/nginx/tls/key.pem' => $tls->{key});

    while (my ($from, $to) = splice @change, 0, 2) {
        $text =~ s/^((?!\s*#).*)\Q$from\E/$1$to/mg
            or die "$file has no \"$from\"";
    }

    $text =~ s/^worker_processes .*$/worker_processes 1;\npid $p\/nginx.pid;/m;
    $text =~ s/^http \{\n/http {
    ${\join '', map { "${_}_temp_path $p\/temp\/$_;\n" }
                    qw(client_body proxy fastcgi uwsgi scgi)}/m;

    $nginx->set(conf => $text);

    my $r = $nginx->t;
    is($r->{status}, 0, "$file is a configuration") or diag($r->{out});

    return $nginx->start;
}


sub stream ($nginx, $path, %headers) {
    return KafkaSSE::SSE->new(port => $nginx->port, path => $path, tls => 1,
                              headers => \%headers);
}


sub refusal ($nginx, $path, %headers) {
    my $sse = stream($nginx, $path, %headers);
    $sse->wait_headers;
    return $sse->status;
}


sub bearer ($token) { (Authorization => "Bearer $token") }


sub produce ($topic, @values) {
    $kafka->produce([ map { { topic => $topic, value => $_ } } @values ]);
}


sub values_of ($sse) { [ map { $_->{data} } $sse->records ] }


# ---- nginx.conf

my $plain = example('nginx.conf');

my @orders = map { KafkaSSE::SSE->new(port => $plain->port, path => $_) }
                 '/orders', '/events';
$_->wait_position for @orders;
produce('orders', 'one');
$_->wait_records(1) for @orders;

is($orders[0]->events->[0]{data}, 'one', 'nginx.conf: a value');
is($orders[1]->events->[0]{event}, 'orders', 'nginx.conf: an envelope');
ok($plain->get('/status')->{body} =~ /"orders"/, 'nginx.conf: the status');

$_->close for @orders;


# ---- bank.conf: accounts by claim

new_key('bank', 'b1');

my $bank = example('bank.conf', '/etc/nginx/keys/' => "$keys/");

my $mine = token({ sub => 'u-17', aud => 'bookings',
                   accounts => [ '4711', '4712' ] }, key => 'bank',
                 kid => 'b1');

my $both = stream($bank, '/bookings', bearer($mine));
my $one = stream($bank, '/bookings?account=4711', bearer($mine));
my $none = stream($bank, '/bookings?account=9999', bearer($mine));
$_->wait_position for $both, $one, $none;

produce('bookings', map { json_encode({ account => $_->[0], n => $_->[1] }) }
        [ '4711', 1 ], [ '9999', 2 ], [ '4712', 3 ], [ '4711', 4 ]);

$both->wait_records(3);
$one->wait_records(2);

is_deeply([ map { json_decode($_)->{n} } @{values_of($both)} ], [ 1, 3, 4 ],
          'bank: the accounts of the token');
is_deeply([ map { json_decode($_)->{n} } @{values_of($one)} ], [ 1, 4 ],
          'bank: one of them, if that is asked for');
is(scalar($none->records), 0, 'bank: nothing of an account that is not there');

my $nobody = stream($bank, '/bookings', bearer(
    token({ sub => 'u-18', aud => 'bookings' }, key => 'bank', kid => 'b1')));
$nobody->wait_position;
produce('bookings', json_encode({ account => '4711', n => 5 }));
$both->wait_records(4);
is(scalar($nobody->records), 0, 'bank: nothing without the claim');

is(refusal($bank, '/bookings'), 401, 'bank: 401 without a token');
is(refusal($bank, '/bookings', bearer(token(
       { sub => 'u-17', aud => 'elsewhere', accounts => [ '4711' ] },
       key => 'bank', kid => 'b1'))),
   401, 'bank: 401 with one for somebody else');

my @more = map { stream($bank, '/bookings', bearer($mine)) } 1 .. 17;
$_->wait_headers for @more;
is(scalar(grep { $_->status == 200 } @more), 17, 'bank: 20 streams of one');
is(refusal($bank, '/bookings', bearer($mine)), 429,
   'bank: and the next one is too many');

$_->close for @more, $both, $one, $none, $nobody;

$bank->wait_log('the streams are logged', sub {
    $bank->access_log =~ /"u-17" .* "GET \/bookings\?account=4711" 200/;
});
unlike($bank->access_log, qr/eyJ/, 'bank: no token is in the log');


# ---- tenants.conf: topics by claim

new_key('tenants', 't1');

my $tenants = example('tenants.conf', '/etc/nginx/keys/' => "$keys/");

my $acme = token({ sub => 'svc-9', iss => 'https://id.example',
                   tenant => 'acme' }, key => 'tenants', kid => 't1');
my %acme = (bearer($acme), Origin => 'https://acme.shops.example');

my $eu = stream($tenants, '/stream?topic=orders.acme.eu', %acme);
my $all = stream($tenants, '/stream?topic=orders.acme.eu,orders.acme.us,news',
                 %acme);
$_->wait_position for $eu, $all;

is($eu->header('Access-Control-Allow-Origin'), 'https://acme.shops.example',
   'tenants: the tenant\'s page may read it');

produce('orders.acme.eu', 'e1');
produce('orders.acme.us', 'u1');
produce('orders.other.eu', 'o1');
produce('news', 'n1');

$all->wait_records(3);
$eu->wait_records(1);

is_deeply([ map { json_decode($_)->{value} } @{values_of($eu)} ], [ 'e1' ],
          'tenants: one topic');
is_deeply([ sort map { json_decode($_)->{value} } @{values_of($all)} ],
          [ qw(e1 n1 u1) ], 'tenants: several');

for my $topic ('orders.other.eu', 'orders.acme.eu.x', 'orders.acme',
               'bookings', 'orders.other.none')
{
    is(refusal($tenants, "/stream?topic=$topic", %acme), 403,
       "tenants: 403 for $topic");
}

is(refusal($tenants, '/stream?topic=orders.*.eu', %acme), 400,
   'tenants: 400 for what is no name');

my $star = token({ sub => 'x', iss => 'https://id.example', tenant => '*' },
                 key => 'tenants', kid => 't1');
is(refusal($tenants, '/stream?topic=orders.acme.eu', bearer($star)), 403,
   'tenants: 403 for a tenant called "*"');

my $comma = token({ sub => 'x', iss => 'https://id.example',
                    tenant => 'acme,other' }, key => 'tenants', kid => 't1');
is(refusal($tenants, '/stream?topic=orders.acme.eu', bearer($comma)), 403,
   'tenants: 403 for a tenant called "acme,other"');

is(refusal($tenants, '/stream?topic=orders.acme.mars', %acme), 404,
   'tenants: 404 for an own topic that is not there');

$kafka->create('orders.acme.mars');
produce('orders.acme.mars', 'm0');

my $mars;
wait_for(20, 'the new topic is found', sub {
    $mars = stream($tenants, '/stream?topic=orders.acme.mars', %acme);
    $mars->wait_headers;
    $mars->status == 200;
});
$mars->wait_position;
produce('orders.acme.mars', 'm1');
$mars->wait_for(15, 'its records come', sub {
    grep { json_decode($_)->{value} eq 'm1' } @{values_of($mars)};
});
pass('tenants: one that is made later needs no reload');


# ---- login.conf: a cookie, and a session that is asked for

spew("$keys/app.secret", 's' x 48 . "\n");

my $until = time + 3600;

my $app = KafkaSSE::Nginx->new(load => 0, server => '
    location /session {
        if ($cookie_session != "ok") { return 401; }
        add_header X-Session-Expires $cookie_until;
        return 204;
    }
    location / { return 200 "the application"; }
')->start;

my $login = example('login.conf', '/etc/nginx/keys/' => "$keys/",
                    '127.0.0.1:8000' => '127.0.0.1:' . $app->port);

sub cookie ($lives) {
    my $token = token({ sub => 'ann', aud => 'news', exp => time + $lives },
                      secret => 's' x 48);
    return (Cookie => "theme=dark; kafka_sse_token=$token");
}

my $news = stream($login, '/news', cookie(8));
$news->wait_position;
produce('news', 'first');
$news->wait_records(1);

$news->wait_for(10, 'it is told', sub {
    grep { $_->{event} eq 'stream-expire' } @{$news->events};
});
pass('login: the page is told before the token ends');

$news->wait_end(20);
is($news->events->[-1]{event}, 'stream-end', 'login: and so does the stream');

my $id = $news->last_id;
produce('news', 'meanwhile');

$news = KafkaSSE::SSE->new(port => $login->port, path => '/news', tls => 1,
                           headers => { cookie(3600) }, last_event_id => $id);
$news->wait_records(1);
is_deeply(values_of($news), [ 'meanwhile' ],
          'login: with a new cookie it goes on where it was');

is(refusal($login, '/news'), 401, 'login: 401 without a cookie');

is(refusal($login, '/alerts', Cookie => 'session=no'), 401,
   'login: 401 without a session');

my $alerts = stream($login, '/alerts',
                    Cookie => 'session=ok; until=' . (time + 4));
$alerts->wait_position;
produce('alerts', 'a1');
$alerts->wait_records(1);
$alerts->wait_end(15);
is($alerts->events->[-1]{event}, 'stream-end',
   'login: a session that ends, ends its stream');

$_->close for $eu, $all, $mars, $news;

finish();
