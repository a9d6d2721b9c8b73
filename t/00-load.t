# The module loads, and costs nothing where it is not configured; every
# directive takes its good values, and refuses the others by naming file, line
# and value.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $dir = tempdir();

spew("$dir/secret", "top-secret\n");
spew("$dir/empty", '');
spew("$dir/jwt", 'top-secret of thirty-two bytes or more');
spew("$dir/short", 'top-secret');

my $tls = KafkaSSE::Nginx::certificate();
spew("$dir/line", "\r\n");
spew("$dir/zero", "top\0secret");
spew("$dir/large", 'x' x (1024 * 1024 + 1));

my $authority = KafkaSSE::Authority->new;
my $ca = $authority->file;
my $cert = $authority->issue;
my ($crt, $key) = @$cert{qw(crt key)};
my $locked = KafkaSSE::Authority::locked($cert, 'top-secret of a key');

spew("$dir/key-password", "top-secret of a key\n");


# Debian 12 has built it without

my $oidc = KafkaSSE::Kafka->has_oidc;


# A configuration, one statement a line: h, s, l and cluster are put into
# their blocks.  "bare" leaves out what the others need.

sub conf (%in) {
    my $nginx = KafkaSSE::Nginx->module;
    my @cluster = $in{bare} ? () : ("kafka_sse_cluster main {",
                                    $in{brokers} // "brokers 127.0.0.1:1;",
                                    $in{cluster} // (), "}");
    my @location = $in{bare} || $in{alone} ? () : ("kafka_sse orders;");

    return join "\n", "load_module $nginx;", "pid $dir/nginx.pid;",
        $in{main} // (), "events {", $in{events} // (), "}", "http {",
        "access_log off;", "client_body_temp_path $dir/body;",
        "proxy_temp_path $dir/proxy;", "fastcgi_temp_path $dir/fastcgi;",
        "uwsgi_temp_path $dir/uwsgi;", "scgi_temp_path $dir/scgi;",
        @cluster, $in{h} // (), "server {", "listen 127.0.0.1:1;",
        $in{s} // (), "location / {", @location, $in{l} // (), "}", "}", "}",
        "";
}


my $nginx = KafkaSSE::Nginx->new(workers => 2);

sub t (%in) {
    my $conf = conf(%in);
    my $r = $nginx->t($conf);

    return ($r->{status} >> 8, $r->{out}, $conf);
}


sub good ($name, %in) {
    my ($status, $out, $conf) = t(%in);

    ok($status == 0 && $out !~ /\[(?:warn|emerg|alert)\]/, $name)
        or diag($out, $conf);
}


# Refused, by one [emerg] line with the text in quotes and the line of the
# statement that is wrong.

sub bad ($name, $quoted, $statement, %in) {
    my ($status, $out, $conf) = t(%in);

    my @lines = split /\n/, $conf;
    my ($line) = grep { $lines[$_ - 1] eq $statement } 1 .. @lines;
    my @emerg = grep { /\[emerg\]/ } split /\n/, $out;

    my $ok = $status == 1 && @emerg == 1
             && index($emerg[0], "\"$quoted\"") >= 0
             && $emerg[0] =~ /nginx\.conf:$line\b/
             && $out !~ /top-secret/;

    ok($ok, $name) or diag("status $status, line $line should name ",
                           "\"$quoted\":\n$out$conf");
}


# A statement that is wrong in its place: http, server, location.

sub bad_at ($where, $statement, $quoted, %in) {
    bad("$statement is refused", $quoted, $statement, %in,
        $where => $statement);
}


# ---- not configured: no process, no zone, no word

good('loads without any directive', bare => 1);

$nginx->start;

# a worker is called "master" until it has its own title

eval { wait_for(5, 'the workers', sub { $nginx->workers == 2 }) };

is_deeply([ sort map { $_->{role} } $nginx->procs ],
          [ qw(master worker worker) ],
          'loaded but not configured starts no process')
    or diag($nginx->titles);

is_deeply([ $nginx->log_lines(qr/kafka/) ], [],
          'loaded but not configured says nothing');

my @maps = map { slurp("/proc/$_/maps") =~ m{^\S+ rw-s .*$}mg }
               $nginx->workers;
is(scalar(grep { !/dev.zero/ || /memfd|eventfd/ } @maps), 0,
   'loaded but not configured makes no shared memory')
    or diag(@maps);


# ---- what is accepted

my %good = (
    l => [
        'kafka_sse orders;',
        'kafka_sse orders payments;',
        'kafka_sse public=orders.v1;',
        'kafka_sse public=orders-1 b_2;',
        'kafka_sse orders cluster=main;',
        'kafka_sse ' . 'x' x 249 . ';',
        "kafka_sse_allow *;\nkafka_sse \$arg_topic;",
        "kafka_sse_allow o.*;\nkafka_sse o.\${arg_a} p=o.b topics=64;",
        'kafka_sse ~^orders\\.;',
        'kafka_sse "~*^orders\.(eu|us)$" "~a{2}" b topics=1;',
        'kafka_sse_status json;',
        'kafka_sse_status prometheus;',
        'kafka_sse_status;',
        'kafka_sse_filter_args account=json:.account key=$kafka_sse_key'
            . ' type=${kafka_sse_header_event_type} token;',
    ],
    h => [
        'kafka_sse_redis redis://127.0.0.1:6379;',
        'kafka_sse_redis redis://127.0.0.1;',
        'kafka_sse_redis redis://localhost/3;',
        'kafka_sse_redis redis://user:pass%40word@127.0.0.1:6379/0;',
        'kafka_sse_redis redis://:password@127.0.0.1:6379 prefix=p;',
        "kafka_sse_redis redis://user\@127.0.0.1 password_file=$dir/secret;",
        'kafka_sse_redis redis://[::1]:6379;',
        "kafka_sse_redis unix:$dir/redis.sock;",
        "kafka_sse_redis unix:$dir/redis.sock user=u"
            . " password_file=$dir/secret db=2 prefix=kafka_sse:x;",
        'kafka_sse_redis off;',
        'kafka_sse_redis rediss://user:pass%40word@127.0.0.1:6380/2;',
        "kafka_sse_redis rediss://127.0.0.1 ca=$tls->{crt}"
            . " name=redis.internal;",
        "kafka_sse_redis rediss://localhost rediss://[::1] key=$tls->{key}"
            . " certificate=$tls->{crt} sentinel=shop;",
        'kafka_sse_redis redis://127.0.0.1:1 redis://127.0.0.1:2'
            . ' redis://[::1];',
        'kafka_sse_redis redis://u:p@127.0.0.1/2 sentinel=shop'
            . ' redis://127.0.0.1:26380 redis://localhost prefix=p;',
        "kafka_sse_redis redis://127.0.0.1 sentinel=shop"
            . " sentinel_password_file=$dir/secret"
            . " password_file=$dir/secret;",
        'kafka_sse_zone kafka_sse:1m;',
        'kafka_sse_zone other:2048k;',
        'kafka_sse_history records=0;',
        'kafka_sse_history records=1000 age=5m;',
        'kafka_sse_history bytes=64k;',
        'kafka_sse_history age=500ms bytes=1m records=10;',
        'kafka_sse_drain 10s;',
        'kafka_sse_drain 0;',
        'kafka_sse_backlog 1m;',
        'kafka_sse_backlog 2048k;',
        'kafka_sse_backlog 16384m;',
        map { "kafka_sse_$_;" } 'heartbeat 15s', 'retry 1s', 'event x',
                                'allow a.*',
                                'data value', 'start latest', 'slow lag=1m',
                                'max_duration 1h', 'flush 1s',
                                'last_event_id $arg_a',
                                'since off', 'replay off',
                                'filter $kafka_sse_key exists',
                                'jwt off', 'jwt_key_file x',
                                'jwt_alg RS256',
                                'jwt_require iss=x', 'jwt_leeway 1s',
                                'expires $arg_exp',
                                'cors https://shop.example',
    ],
    s => [ map { "kafka_sse_$_;" } 'heartbeat 15s', 'retry 1s', 'event x',
                                   'allow a.*',
                                   'data value', 'start latest',
                                   'slow lag=1m', 'max_duration 1h',
                                   'flush 1s',
                                   'last_event_id $arg_a',
                                   'since off', 'replay off',
                                   'filter $kafka_sse_key exists',
                                   'jwt off', 'jwt_key_file x',
                                   'jwt_alg RS256', 'jwt_require iss=x',
                                   'jwt_leeway 1s', 'expires $arg_exp',
                                   'cors https://shop.example' ],
    more => [
        'kafka_sse_heartbeat 500ms;',
        'kafka_sse_heartbeat off;',
        'kafka_sse_retry 2s;',
        'kafka_sse_retry 0;',
        'kafka_sse_retry 2s jitter=3s;',
        'kafka_sse_retry 500ms jitter=0;',
        'kafka_sse_allow *;',
        'kafka_sse_allow orders.*.eu $remote_user.* a-b_c;',
        "kafka_sse_allow x.\${remote_user}_*;\nkafka_sse_allow *.*;",
        'kafka_sse_flush 0;',
        'kafka_sse_flush 100ms;',
        'kafka_sse_slow lag=2m;',
        'kafka_sse_slow buffer=64k;',
        'kafka_sse_slow buffer=off lag=64k;',
        'kafka_sse_max_duration 0;',
        'kafka_sse_max_duration 90m;',
        'kafka_sse_max_duration 1h jitter=20;',
        'kafka_sse_max_duration 1h jitter=0%;',
        'kafka_sse_max_duration 500ms jitter=100%;',
        'kafka_sse_last_event_id $http_last_event_id;',
        'kafka_sse_last_event_id $arg_a $cookie_b "1.$arg_c" "";',
        'kafka_sse_event order;',
        'kafka_sse_event "";',
        'kafka_sse_event $kafka_sse_topic;',
        'kafka_sse_event $kafka_sse_topic/${kafka_sse_partition}-'
            . '$kafka_sse_offset.$kafka_sse_key.$kafka_sse_timestamp;',
        'kafka_sse_event $kafka_sse_header_event_type;',
        'kafka_sse_data value;',
        'kafka_sse_data envelope;',
        'kafka_sse_data cloudevents;',
        'kafka_sse_start latest;',
        'kafka_sse_start earliest;',
        'kafka_sse_start -100;',
        'kafka_sse_start 1795339800000;',
        'kafka_sse_start 2026-11-22T09:30:00+01:00;',
        'kafka_sse_start $arg_start;',
        'kafka_sse_start "-${arg_n}";',
        'kafka_sse_since off;',
        'kafka_sse_since $http_x_since $arg_from;',
        'kafka_sse_replay on;',
        'kafka_sse_replay off;',
        'kafka_sse_replay on concurrent=100 max=1000 rate=500/s;',
        'kafka_sse_replay on max=off;',
        'kafka_sse_filter $kafka_sse_key = $arg_key;',
        'kafka_sse_filter ${kafka_sse_topic} in a $arg_b "c,d";',
        'kafka_sse_filter $kafka_sse_partition < 3;',
        'kafka_sse_filter $kafka_sse_offset >= $arg_from;',
        'kafka_sse_filter $kafka_sse_timestamp > 1.5e12;',
        'kafka_sse_filter $kafka_sse_header_event_type != "";',
        'kafka_sse_filter json:.account = 1-$remote_user;',
        q(kafka_sse_filter 'json:.a."b c"[0]' exists;),
        'kafka_sse_filter json:[3].a ~ "^(x|y)$";',
        'kafka_sse_filter json:.a ~* "x{2}";',
        "kafka_sse_filter json:.a = 1;\nkafka_sse_filter json:.b <= 2;",
        (map { "kafka_sse_jwt $_; kafka_sse_jwt_key_file $dir/jwt;"
               . " kafka_sse_jwt_alg HS256;" }
             'x', '"two \"words\""', 'x token=$arg_token',
             'x token=$cookie_a$http_b'),
        'kafka_sse_jwt off;',
        'kafka_sse_jwt_key_file no-such-file;',
        'kafka_sse_jwt_alg HS256 HS384 HS512;',
        'kafka_sse_jwt_alg RS256 RS384 RS512 PS256 PS384 PS512'
            . ' ES256 ES384 ES512 EdDSA;',
        'kafka_sse_jwt_require iss=https://a/?x=y aud=b scope=read write=$arg_c;',
        "kafka_sse_jwt_require a=b;\nkafka_sse_jwt_require a=c;",
        'kafka_sse_jwt_leeway 0;',
        'kafka_sse_jwt_leeway 1d;',
        'kafka_sse_expires $arg_exp;',
        'kafka_sse_expires "";',
        'kafka_sse_expires warn=0;',
        'kafka_sse_expires $arg_exp warn=10s;',
        'kafka_sse_cors https://shop.example;',
        'kafka_sse_cors https://shop.example http://localhost:3000;',
        'kafka_sse_cors https://*.shop.example https://[::1] credentials;',
        'kafka_sse_cors *;',
        'kafka_sse_cors off;',
    ],
    cluster => [
        'group_id edge;',
        'dynamic_topics 1;',
        'dynamic_topics 240;',
        'property fetch.min.bytes 1;',
        'property security.protocol plaintext;',
        'property debug broker;',
        "property security.protocol sasl_ssl;\n"
            . "property sasl.mechanism SCRAM-SHA-512;\n"
            . "property sasl.username edge;\n"
            . "property_file sasl.password $dir/secret;",
        "property security.protocol ssl;\nproperty ssl.ca.location $ca;",
        "property ssl.ca.location $dir;",
        'property ssl.ca.location probe;',
        "property ssl.certificate.location $crt;\n"
            . "property ssl.key.location $key;",
        "property ssl.certificate.location $crt;\n"
            . "property_file ssl.key.pem $locked;\n"
            . "property_file ssl.key.password $dir/key-password;",
        $oidc ? "property security.protocol sasl_plaintext;\n"
            . "property sasl.mechanism OAUTHBEARER;\n"
            . "property sasl.oauthbearer.method oidc;\n"
            . "property sasl.oauthbearer.client.id edge;\n"
            . "property_file sasl.oauthbearer.client.secret $dir/secret;\n"
            . "property sasl.oauthbearer.token.endpoint.url http://a/token;"
            : (),
    ],
);

good("$_ is accepted", alone => 1, l => $_) for @{$good{l}};
good("$_ is accepted in http", h => $_) for @{$good{h}};
good("$_ is accepted in server", s => $_) for @{$good{s}};
good("$_ is accepted in location", l => $_) for @{$good{more}};
good("$_ is accepted in a cluster", cluster => $_) for @{$good{cluster}};

good("brokers $_ are accepted", brokers => "brokers $_;")
    for 'kafka:9092', 'kafka', 'a:1 b:2 c', '[::1]:9092', '10.0.0.1:65535';

good('two clusters are told apart by name', alone => 1,
     h => "kafka_sse_cluster b { brokers b; }",
     l => 'kafka_sse orders cluster=b;');


# ---- what is not

bad_at(l => "kafka_sse $$_[0];", $$_[1], alone => 1) for (
    [ '""', '' ],
    [ 'a/b', 'a/b' ],
    [ '"a b"', 'a b' ],
    [ '.', '.' ],
    [ '..', '..' ],
    [ 'x' x 250, 'x' x 250 ],
    [ "t\x{c3}\x{a9}", "t\x{c3}\x{a9}" ],
    [ 'a a', 'a' ],
    [ 'a b a', 'a' ],
    [ 'p=a p=b', 'p=b' ],
    [ 'p=a q=a', 'q=a' ],
    [ 'a=', 'a=' ],
    [ '=a', '=a' ],
    [ 'a=b=c', 'a=b=c' ],
    [ 'a cluster=', 'cluster=' ],
    [ 'a cluster=main cluster=main', 'cluster=main' ],
    [ 'a cluster=nix', 'nix' ],
    [ '$arg_topic', '$arg_topic' ],
    [ 'a orders.$arg_a', 'orders.$arg_a' ],
    [ 'p=$arg_topic', 'p=$arg_topic' ],
    [ '$arg_topic/x', '$arg_topic/x' ],
    [ '$arg_topic*', '$arg_topic*' ],
    [ 'a$', 'a$' ],
    [ '~', '~' ],
    [ '~*', '~*' ],
    [ '~a(b', '~a(b' ],
    [ 'a topics=2', 'topics=2' ],
    [ '~a topics=0', 'topics=0' ],
    [ '~a topics=65', 'topics=65' ],
    [ '~a topics=', 'topics=' ],
    [ '~a topics=2 topics=3', 'topics=3' ],
    [ '~a b c topics=1', 'topics=1' ],
    [ join(' ', map { "t$_" } 1 .. 65), 't65' ],
);

bad_at(l => "kafka_sse;", 'kafka_sse', alone => 1);
bad_at(l => 'kafka_sse cluster=main;', 'kafka_sse', alone => 1);
bad('kafka_sse twice in a location is refused', 'kafka_sse',
    'kafka_sse again;', l => 'kafka_sse again;');
bad('kafka_sse without any cluster is refused', 'kafka_sse',
    'kafka_sse orders;', bare => 1, l => 'kafka_sse orders;');
bad('kafka_sse that could be of two clusters is refused', 'kafka_sse',
    'kafka_sse orders;', h => "kafka_sse_cluster b { brokers b; }");

bad_at(cluster => $$_[0], $$_[1]) for (
    [ 'nonsense 1;', 'nonsense' ],
    [ 'brokers again:9092;', 'brokers' ],
    [ 'group_id "";', '' ],
    [ 'group_id a b;', 'group_id' ],
    [ 'dynamic_topics;', 'dynamic_topics' ],
    [ 'dynamic_topics 0;', '0' ],
    [ 'dynamic_topics 241;', '241' ],
    [ 'dynamic_topics many;', 'many' ],
    [ 'property fetch.min.bytes;', 'property' ],
    [ 'property no.such.property 1;', 'no.such.property' ],
    [ 'property fetch.min.bytes many;', 'many' ],
    [ 'property security.protocol carrier-pigeon;', 'carrier-pigeon' ],
    [ 'property group.id mine;', 'group.id' ],
    [ 'property bootstrap.servers x:1;', 'bootstrap.servers' ],
    [ 'property enable.auto.commit true;', 'enable.auto.commit' ],
    [ "property_file sasl.password $dir/none;", "$dir/none" ],
    [ "property_file sasl.password $dir/empty;", "$dir/empty" ],
    [ "property_file sasl.password $dir/line;", "$dir/line" ],
    [ "property_file sasl.password $dir/zero;", "$dir/zero" ],
    [ "property_file sasl.password $dir/large;", "$dir/large" ],
    [ "property_file sasl.password $dir;", $dir ],
    [ "property_file no.such.property $dir/secret;", 'no.such.property' ],
    [ 'property sasl.passwort x;', 'sasl.passwort' ],
    [ "property ssl.ca.location $dir/none;", "$dir/none" ],
    [ "property_file fetch.min.bytes $dir/secret;", 'fetch.min.bytes' ],
);

bad('dynamic_topics that stands twice is refused', 'dynamic_topics',
    'dynamic_topics 2;', cluster => "dynamic_topics 1;\ndynamic_topics 2;");

bad("brokers $$_[0] are refused", $$_[1], "brokers $$_[0];",
    brokers => "brokers $$_[0];") for (
    [ 'kafka:0', 'kafka:0' ],
    [ 'kafka:65536', 'kafka:65536' ],
    [ 'kafka:', 'kafka:' ],
    [ 'kafka:x', 'kafka:x' ],
    [ ':9092', ':9092' ],
    [ '""', '' ],
    [ 'a:1 b:y', 'b:y' ],
    [ 'a:1,b:2', 'a:1,b:2' ],
    [ '[::1:9092', '[::1:9092' ],
);


# what does not go together, as the end of the block shows

sub bad_cluster ($name, $what, $lines) {
    my ($status, $out) = t(cluster => $lines);
    my @emerg = grep { /\[emerg\]/ } split /\n/, $out;

    ok($status == 1 && @emerg == 1 && $emerg[0] =~ /"main".*$what/
       && $out !~ /top-secret/, "$name is refused")
        or diag("status $status: $out$lines");
}

my $sasl = 'property security.protocol sasl_plaintext;';

bad_cluster(@$_) for (
    [ 'SASL without a mechanism that is known', 'it must be PLAIN, ',
      "$sasl property sasl.mechanism CRAM-MD5;" ],
    [ 'PLAIN without a user', 'no "sasl.username"',
      "$sasl property sasl.mechanism PLAIN;"
      . " property_file sasl.password $dir/secret;" ],
    [ 'SCRAM without a password', 'no "sasl.password"',
      "$sasl property sasl.mechanism SCRAM-SHA-256;"
      . " property sasl.username edge;" ],
    [ 'OAUTHBEARER without a method', '"sasl.oauthbearer.method" must be',
      "$sasl property sasl.mechanism OAUTHBEARER;" ],
    $oidc ? (
    [ 'OIDC without an endpoint', 'no "sasl.oauthbearer.token.endpoint.url"',
      "$sasl property sasl.mechanism OAUTHBEARER;"
      . " property sasl.oauthbearer.method oidc;" ],
    [ 'OIDC without a secret', 'no "sasl.oauthbearer.client.secret"',
      "$sasl property sasl.mechanism OAUTHBEARER;"
      . " property sasl.oauthbearer.method oidc;"
      . " property sasl.oauthbearer.token.endpoint.url http://a/;"
      . " property sasl.oauthbearer.client.id edge;" ],
    ) : (
    [ 'OIDC with a librdkafka without it', 'not supported in this build',
      "$sasl property sasl.mechanism OAUTHBEARER;"
      . " property sasl.oauthbearer.method oidc;" ],
    ),
    KafkaSSE::Kafka::librdkafka() < 2_002_000 ? (
    [ 'an unsecured token with a librdkafka that it ends', 'before 2\.2',
      "$sasl property sasl.mechanism OAUTHBEARER;"
      . ' property enable.sasl.oauthbearer.unsecure.jwt true;' ],
    ) : (),
    [ 'a key without its certificate', 'no "ssl.certificate.location"',
      "property ssl.key.location $key;" ],
    [ 'a certificate without its key', 'no "ssl.key.location"',
      "property ssl.certificate.location $crt;" ],
    [ 'an authority that is none', "file \"$dir/secret\"",
      "property ssl.ca.location $dir/secret;" ],
    [ 'a key that is none', "file \"$crt\"",
      "property ssl.certificate.location $crt; property ssl.key.location "
      . "$crt;" ],
    [ 'a key with another password', 'Failed to read PEM private-key',
      "property ssl.certificate.location $crt;"
      . " property_file ssl.key.pem $locked;"
      . " property_file ssl.key.password $dir/secret;" ],
);

{
    my ($status, $out) = t(cluster => "$sasl property sasl.mechanism PLAIN;"
                           . ' property sasl.username edge;'
                           . ' property sasl.password top-secret;');

    ok($status == 0 && $out =~ /\[warn\] .*"sasl\.password".*property_file/
       && $out !~ /top-secret/, 'a password in clear is accepted with a warning')
        or diag($out);

    ($status, $out) = t(cluster => 'property sasl.passwort top-secret;');
    ok($status == 1 && $out !~ /top-secret/,
       'what may be a secret is not shown when it is refused') or diag($out);

    ($status, $out) = t(cluster => 'property sasl.mechanism PLAIN;');
    ok($status == 0 && $out =~ /\[warn\] .*"security\.protocol" is "plaintext"/,
       'SASL that is not used is a warning') or diag($out);

    # relative to the configuration, as all paths are

    spew($nginx->prefix . '/here.crt', slurp($ca));
    ($status, $out) = t(cluster => 'property ssl.ca.location here.crt;');
    is($status, 0, 'a path is relative to the configuration') or diag($out);

    if ($> == 0) {
        chmod 0600, $key;
        ($status, $out) = t(main => 'user nobody nogroup;', cluster => <<"END");
property ssl.certificate.location $crt;
property ssl.key.location $key;
END
        ok($status == 0
           && $out =~ /\[warn\] .*\Q"$key"\E.*user "nobody", who may not/,
           'a key that only root may read is a warning') or diag($out);
        chmod 0644, $key;
    }
}


bad_at(h => 'kafka_sse_cluster main { brokers b; }', 'main');
bad_at(h => 'kafka_sse_cluster { brokers b; }', 'kafka_sse_cluster');
bad_at(h => 'kafka_sse_cluster b { group_id x; }', 'b');
bad_at(h => 'kafka_sse_cluster "" { brokers b; }', '');

bad_at(h => "kafka_sse_redis $$_[0];", $$_[1]) for (
    [ '""', '' ],
    [ '127.0.0.1:6379', '127.0.0.1:6379' ],
    [ 'http://127.0.0.1', 'http://127.0.0.1' ],
    [ 'redis://', 'redis://' ],
    [ 'redis://127.0.0.1:0', 'redis://127.0.0.1:0' ],
    [ 'redis://127.0.0.1:65536', 'redis://127.0.0.1:65536' ],
    [ 'redis://127.0.0.1/x', 'redis://127.0.0.1/x' ],
    [ 'redis://127.0.0.1/-1', 'redis://127.0.0.1/-1' ],
    [ 'redis://no-such-host.invalid', 'redis://no-such-host.invalid' ],
    [ 'redis://user@127.0.0.1', 'user' ],
    [ 'redis://user:top-secret%4@127.0.0.1', 'redis://***@127.0.0.1' ],
    [ "redis://u:top-secret\@127.0.0.1 password_file=$dir/secret",
      "password_file=$dir/secret" ],
    [ "redis://127.0.0.1 password_file=$dir/none", "$dir/none" ],
    [ "redis://127.0.0.1 password_file=$dir/empty", "$dir/empty" ],
    [ 'redis://127.0.0.1 password_file=', 'password_file=' ],
    [ 'redis://127.0.0.1 password=top-secret', 'password=' ],
    [ 'redis://127.0.0.1 prefix=', 'prefix=' ],
    [ 'redis://127.0.0.1 "prefix=a{b"', 'prefix=a{b' ],
    [ '"redis://127.0.0.1" "prefix=a b"', 'prefix=a b' ],
    [ 'redis://127.0.0.1 prefix=a prefix=b', 'prefix=b' ],
    [ 'redis://127.0.0.1/1 db=2', 'db=2' ],
    [ 'redis://127.0.0.1 db=x', 'db=x' ],
    [ 'redis://127.0.0.1 nonsense', 'nonsense' ],
    [ 'redis://127.0.0.1 nonsense=1', 'nonsense=1' ],
    [ 'unix:', 'unix:' ],
    [ 'off prefix=p', 'prefix=p' ],
    [ 'off redis://127.0.0.1', 'redis://127.0.0.1' ],
    [ 'redis://127.0.0.1 off', 'off' ],
    [ 'Off', 'Off' ],
    [ 'redis://127.0.0.1 redis://no-such-host.invalid',
      'redis://no-such-host.invalid' ],
    [ 'redis://127.0.0.1 redis://u:top-secret@127.0.0.1',
      'redis://***@127.0.0.1' ],
    [ 'redis://127.0.0.1/1 redis://127.0.0.2/1', 'redis://127.0.0.2/1' ],
    [ "redis://127.0.0.1 unix:$dir/redis.sock", "unix:$dir/redis.sock" ],
    [ "unix:$dir/redis.sock sentinel=shop", "unix:$dir/redis.sock" ],
    [ 'redis://127.0.0.1 sentinel=', 'sentinel=' ],
    [ 'redis://127.0.0.1 sentinel=a sentinel=b', 'sentinel=b' ],
    [ "redis://127.0.0.1 sentinel_password_file=$dir/secret",
      'sentinel_password_file=' ],
    [ "redis://127.0.0.1 sentinel=a sentinel_password_file=$dir/none",
      "$dir/none" ],
    [ 'rediss://', 'rediss://' ],
    [ "rediss://unix:$dir/redis.sock", 'rediss://unix:***' ],
    [ 'rediss://u:top-secret@127.0.0.1:0', 'rediss://***@127.0.0.1:0' ],
    [ 'redis://127.0.0.1 rediss://127.0.0.2', 'rediss://127.0.0.2' ],
    [ 'rediss://127.0.0.1 redis://127.0.0.2', 'redis://127.0.0.2' ],
    [ "rediss://127.0.0.1 unix:$dir/redis.sock", "unix:$dir/redis.sock" ],
    [ "redis://127.0.0.1 ca=$tls->{crt}", 'ca=' ],
    [ "unix:$dir/redis.sock ca=$tls->{crt}", 'ca=' ],
    [ 'redis://127.0.0.1 name=a', 'name=' ],
    [ "rediss://127.0.0.1 certificate=$tls->{crt}", 'certificate=' ],
    [ "rediss://127.0.0.1 key=$tls->{key}", 'key=' ],
    [ 'rediss://127.0.0.1 ca=', 'ca=' ],
    [ 'rediss://127.0.0.1 name=a name=b', 'name=b' ],
    [ "rediss://127.0.0.1 ca=$dir/none", "$dir/none" ],
    [ "rediss://127.0.0.1 ca=$dir/empty", "$dir/empty" ],
    [ "rediss://127.0.0.1 certificate=$dir/none key=$tls->{key}", "$dir/none" ],
    [ "rediss://127.0.0.1 certificate=$tls->{crt} key=$dir/none", "$dir/none" ],
    [ "rediss://127.0.0.1 certificate=$tls->{crt} key=$dir/secret",
      "$dir/secret" ],
    [ "rediss://127.0.0.1 certificate=$tls->{crt} key=$locked",
      "$locked" ],
);

bad_at(h => "kafka_sse_redis;", 'kafka_sse_redis');
bad('kafka_sse_redis twice is refused', 'kafka_sse_redis',
    'kafka_sse_redis redis://b;',
    h => "kafka_sse_redis redis://127.0.0.1;\nkafka_sse_redis redis://b;");

bad_at(h => "kafka_sse_zone $$_[0];", $$_[1]) for (
    [ 'kafka_sse', 'kafka_sse' ],
    [ 'kafka_sse:', 'kafka_sse:' ],
    [ ':8m', ':8m' ],
    [ 'kafka_sse:many', 'kafka_sse:many' ],
    [ 'kafka_sse:8', 'kafka_sse:8' ],
    [ 'kafka_sse:64k', 'kafka_sse:64k' ],
    [ 'kafka_sse:-8m', 'kafka_sse:-8m' ],
);

bad_at(h => 'kafka_sse_zone a:8m b:8m;', 'kafka_sse_zone');

bad_at(l => "kafka_sse_$$_[0];", $$_[1]) for (
    [ 'heartbeat x', 'x' ],
    [ 'heartbeat 0', '0' ],
    [ 'heartbeat -1s', '-1s' ],
    [ 'heartbeat ""', '' ],
    [ 'heartbeat 1s 2s', 'kafka_sse_heartbeat' ],
    [ 'retry x', 'x' ],
    [ 'retry -1s', '-1s' ],
    [ 'retry ""', '' ],
    [ 'retry 2s jitter=', 'jitter=' ],
    [ 'retry 2s jitter=x', 'jitter=x' ],
    [ 'retry 2s jitter=-1s', 'jitter=-1s' ],
    [ 'retry 2s shake=1s', 'shake=1s' ],
    [ 'retry 2s jitter=1s x', 'kafka_sse_retry' ],
    [ 'allow', 'kafka_sse_allow' ],
    [ 'allow ""', '' ],
    [ 'allow a/b', 'a/b' ],
    [ 'allow a**', 'a**' ],
    [ 'allow a$', 'a$' ],
    [ 'allow a b$', 'b$' ],
    [ 'allow "${a"', '${a' ],
    [ 'allow "a b"', 'a b' ],
    [ 'allow ' . 'x' x 250, 'x' x 250 ],
    [ 'flush', 'kafka_sse_flush' ],
    [ 'flush x', 'x' ],
    [ 'flush -1s', '-1s' ],
    [ 'flush ""', '' ],
    [ 'flush off', 'off' ],
    [ 'flush 1s 2s', 'kafka_sse_flush' ],
    [ 'slow', 'kafka_sse_slow' ],
    [ 'slow 1m', '1m' ],
    [ 'slow lag=', 'lag=' ],
    [ 'slow lag=x', 'lag=x' ],
    [ 'slow lag=-1m', 'lag=-1m' ],
    [ 'slow lag=0', 'lag=0' ],
    [ 'slow lag=65535', 'lag=65535' ],
    [ 'slow lag=1m lag=2m', 'lag=2m' ],
    [ 'slow lag=off', 'lag=off' ],
    [ 'slow buffer=', 'buffer=' ],
    [ 'slow buffer=0', 'buffer=0' ],
    [ 'slow buffer=2048m', 'buffer=2048m' ],
    [ 'slow buffer=off buffer=1m', 'buffer=1m' ],
    [ 'max_duration x', 'x' ],
    [ 'max_duration -1s', '-1s' ],
    [ 'max_duration ""', '' ],
    [ 'max_duration 1h jitter=', 'jitter=' ],
    [ 'max_duration 1h jitter=%', 'jitter=%' ],
    [ 'max_duration 1h jitter=x', 'jitter=x' ],
    [ 'max_duration 1h jitter=101', 'jitter=101' ],
    [ 'max_duration 1h jitter=3s', 'jitter=3s' ],
    [ 'max_duration 1h 10', '10' ],
    [ 'max_duration 1h jitter=1 x', 'kafka_sse_max_duration' ],
    [ 'last_event_id', 'kafka_sse_last_event_id' ],
    [ 'last_event_id "${arg_a"', 'arg_a' ],
    [ 'event $no_such_variable', '$no_such_variable' ],
    [ 'event $kafka_sse_nonsense', '$kafka_sse_nonsense' ],
    [ 'event a$', 'a$' ],
    [ 'event "${kafka_sse_topic"', 'kafka_sse_topic' ],
    [ 'event a b', 'kafka_sse_event' ],
    [ 'data xml', 'xml' ],
    [ 'data ""', '' ],
    [ 'start sometime', 'sometime' ],
    [ 'start ""', '' ],
    [ 'start -', '-' ],
    [ 'start 2026-02-30', '2026-02-30' ],
    [ 'since always', 'always' ],
    [ 'since $arg_x off', 'off' ],
    [ 'replay maybe', 'maybe' ],
    [ 'replay off max=1', 'off' ],
    [ 'replay on max=0', 'max=0' ],
    [ 'replay on max=-1', 'max=-1' ],
    [ 'replay on concurrent=0', 'concurrent=0' ],
    [ 'replay on concurrent=x', 'concurrent=x' ],
    [ 'replay on rate=5', 'rate=5' ],
    [ 'replay on rate=/s', 'rate=/s' ],
    [ 'replay on nonsense', 'nonsense' ],
    [ 'filter', 'kafka_sse_filter' ],
    [ 'filter $kafka_sse_key', '$kafka_sse_key' ],
    [ 'filter $kafka_sse_key is 1', 'is' ],
    [ 'filter $kafka_sse_key =', '=' ],
    [ 'filter $kafka_sse_key = 1 2', '2' ],
    [ 'filter $kafka_sse_key exists 1', '1' ],
    [ 'filter $kafka_sse_key in', 'in' ],
    [ 'filter $kafka_sse_offset < many', 'many' ],
    [ 'filter $kafka_sse_offset < ""', '' ],
    [ 'filter $kafka_sse_value = 1', '$kafka_sse_value' ],
    [ 'filter $arg_x = 1', '$arg_x' ],
    [ 'filter account = 1', 'account' ],
    [ 'filter "" = 1', '' ],
    [ 'filter json:a = 1', 'a' ],
    [ 'filter json:.a..b = 1', '.a..b' ],
    [ 'filter json:.a[x] = 1', '.a[x]' ],
    [ 'filter json:.a ~ "(b"', '(b' ],
    [ 'filter json:.a ~ ^$arg_b', '^$arg_b' ],
    [ 'filter json:.a = "${arg_b"', 'arg_b' ],
    [ 'jwt', 'kafka_sse_jwt' ],
    [ 'jwt ""', '' ],
    [ "jwt \"a\x01b\"", "a\x01b" ],
    [ 'jwt off token=$arg_a', 'token=$arg_a' ],
    [ 'jwt x token=', 'token=' ],
    [ 'jwt x token=abc', 'token=abc' ],
    [ 'jwt x $arg_a', '$arg_a' ],
    [ 'jwt x token=$arg_a b', 'kafka_sse_jwt' ],
    [ 'jwt x token="${arg_a"', 'arg_a' ],
    [ 'jwt_key_file', 'kafka_sse_jwt_key_file' ],
    [ 'jwt_key_file ""', '' ],
    [ 'jwt_key_file a b', 'kafka_sse_jwt_key_file' ],
    [ 'jwt_alg', 'kafka_sse_jwt_alg' ],
    [ 'jwt_alg none', 'none' ],
    [ 'jwt_alg ""', '' ],
    [ 'jwt_alg hs256', 'hs256' ],
    [ 'jwt_alg RS256 RS128', 'RS128' ],
    [ 'jwt_alg RS256 ES256 RS256', 'RS256' ],
    [ 'jwt_alg HS256 RS256', 'RS256' ],
    [ 'jwt_alg ES256 HS256', 'HS256' ],
    [ 'jwt_require', 'kafka_sse_jwt_require' ],
    [ 'jwt_require iss', 'iss' ],
    [ 'jwt_require iss=', 'iss=' ],
    [ 'jwt_require =a', '=a' ],
    [ 'jwt_require a=b ""', '' ],
    [ 'jwt_leeway x', 'x' ],
    [ 'jwt_leeway -1s', '-1s' ],
    [ 'jwt_leeway 25h', '25h' ],
    [ 'expires', 'kafka_sse_expires' ],
    [ 'expires 1795339800', '1795339800' ],
    [ 'expires $arg_a $arg_b', '$arg_b' ],
    [ 'expires $arg_a warn=', 'warn=' ],
    [ 'expires warn=x', 'warn=x' ],
    [ 'expires warn=1s warn=2s', 'warn=2s' ],
    [ 'expires warn=1s $arg_a', '$arg_a' ],
    [ 'filter_args', 'kafka_sse_filter_args' ],
    [ 'filter_args a=b', 'b' ],
    [ 'filter_args a=', '' ],
    [ 'filter_args =json:.a', '=json:.a' ],
    [ 'filter_args a=json:.b a=json:.c', 'a' ],
    [ 'filter_args a=json:.b[', '.b[' ],
    [ 'cors', 'kafka_sse_cors' ],
    [ 'cors ""', '' ],
    [ 'cors off https://shop.example', 'off' ],
    [ 'cors credentials', 'credentials' ],
    [ 'cors https://a.example credentials credentials', 'credentials' ],
    [ 'cors * credentials', '*' ],
    [ 'cors credentials *', '*' ],
    [ 'cors * https://shop.example', 'https://shop.example' ],
    [ 'cors https://shop.example *', '*' ],
    [ 'cors https://a.example https://a.example', 'https://a.example' ],
    [ 'cors https://*.a.example https://*.a.example', 'https://*.a.example' ],
    [ 'cors null', 'null' ],
    [ 'cors shop.example', 'shop.example' ],
    [ 'cors https://shop.example/', 'https://shop.example/' ],
    [ 'cors https://shop.example/path', 'https://shop.example/path' ],
    [ 'cors https://Shop.example', 'https://Shop.example' ],
    [ 'cors https://shop.example:443', 'https://shop.example:443' ],
    [ 'cors http://shop.example:80', 'http://shop.example:80' ],
    [ 'cors https://user@shop.example', 'https://user@shop.example' ],
    [ 'cors https://shop.example.', 'https://shop.example.' ],
    [ "cors https://b\x{c3}\x{bc}cher.example",
      "https://b\x{c3}\x{bc}cher.example" ],
    [ 'cors https://*', 'https://*' ],
    [ 'cors https://*.com', 'https://*.com' ],
    [ 'cors https://a*.example.com', 'https://a*.example.com' ],
    [ 'cors wss://shop.example', 'wss://shop.example' ],
    [ 'cors $http_origin', '$http_origin' ],
);

{
    # which character it is, counted from 1

    my ($status, $out) = t(l => 'kafka_sse_filter json:.a[0]b = 1;');

    like($out, qr/"\.a\[0\]b", "\." or "\[" is expected at character 6/,
         'kafka_sse_filter says where a path is wrong');
}

{
    # nginx itself refuses it, and tells no line

    my ($status, $out) = t(l => 'kafka_sse_last_event_id $no_such_variable;');

    ok($status == 1 && $out =~ /\[emerg\].*"no_such_variable"/,
       'kafka_sse_last_event_id with an unknown variable is refused')
        or diag($out);
}

bad("kafka_sse_$_ twice is refused", (split)[0] =~ s/^/kafka_sse_/r,
    "kafka_sse_$_; # again", l => "kafka_sse_$_;\nkafka_sse_$_; # again")
    for 'flush 1s', 'slow lag=1m', 'max_duration 1s', 'last_event_id $arg_a',
        'filter_args a=json:.a', 'jwt off', 'jwt_key_file x', 'jwt_alg RS256',
        'jwt_leeway 1s', 'expires $arg_a', 'cors off',
        'cors https://shop.example';

bad('kafka_sse_jwt without kafka_sse_jwt_alg is refused', 'kafka_sse_jwt_alg',
    'kafka_sse_jwt x;',
    s => "kafka_sse_jwt x;\nkafka_sse_jwt_key_file $dir/jwt;");
bad('kafka_sse_jwt without kafka_sse_jwt_key_file is refused',
    'kafka_sse_jwt_key_file', 'kafka_sse_jwt x;',
    h => 'kafka_sse_jwt x;', l => 'kafka_sse_jwt_alg HS256;');
good('kafka_sse_jwt needs no key where nothing of it is served', alone => 1,
     h => 'kafka_sse_jwt x;');
good('... nor where it is off', h => 'kafka_sse_jwt x;',
     l => 'kafka_sse_jwt off;');

# what is wrong with a file has no line

for ([ "$dir/no-such-file", 'HS256' ], [ "$dir/empty", 'HS256' ],
     [ "$dir/short", 'HS256' ], [ "$dir/jwt", 'HS512' ],
     [ "$dir/jwt", 'RS256' ])
{
    my ($file, $alg) = @$_;
    my ($status, $out) = t(l => "kafka_sse_jwt x; kafka_sse_jwt_alg $alg;"
                                . " kafka_sse_jwt_key_file $file;");
    my @emerg = grep { /\[emerg\]/ } split /\n/, $out;

    ok($status == 1 && @emerg == 1 && index($emerg[0], "\"$file\"") >= 0
       && $out !~ /top-secret/, "$file is refused as a key file for $alg")
        or diag($out);
}

{
    # what a browser would send of it

    my ($status, $out) = t(l => 'kafka_sse_cors HTTPS://Shop.example:443/x;');

    like($out, qr{"HTTPS://Shop\.example:443/x":\ .*;\ write
                  \ "https://shop\.example"\ }x,
         'kafka_sse_cors says what to write instead');
}

bad_at(l => 'kafka_sse_status xml;', 'xml', alone => 1);
bad_at(h => "kafka_sse_drain $_;", $_) for 'x', '-1s';

bad_at(h => "kafka_sse_backlog $$_[0];", $$_[1]) for (
    [ 'x', 'x' ],
    [ '""', '' ],
    [ '-1m', '-1m' ],
    [ '0', '0' ],
    [ 'off', 'off' ],
    [ '1048575', '1048575' ],
    [ '2m 3m', 'kafka_sse_backlog' ],
);

bad('kafka_sse_backlog twice is refused', 'kafka_sse_backlog',
    'kafka_sse_backlog 3m;',
    h => "kafka_sse_backlog 2m;\nkafka_sse_backlog 3m;");

bad_at(h => "kafka_sse_history $$_[0];", $$_[1]) for (
    [ '100', '100' ],
    [ 'records=', 'records=' ],
    [ 'records=-1', 'records=-1' ],
    [ 'records=many', 'records=many' ],
    [ 'records=1 records=2', 'records=2' ],
    [ 'bytes=', 'bytes=' ],
    [ 'bytes=0', 'bytes=0' ],
    [ 'bytes=1t', 'bytes=1t' ],
    [ 'age=', 'age=' ],
    [ 'age=0', 'age=0' ],
    [ 'age=-1m', 'age=-1m' ],
    [ 'records=1 age=soon', 'age=soon' ],
    [ 'records=1 nonsense=1', 'nonsense=1' ],
);

bad_at(h => 'kafka_sse_history;', 'kafka_sse_history');
bad('kafka_sse_history twice is refused', 'kafka_sse_history',
    'kafka_sse_history age=2s;',
    h => "kafka_sse_history records=1;\nkafka_sse_history age=2s;");


# ---- where it may stand

for my $directive ('kafka_sse_zone a:8m', 'kafka_sse_redis redis://127.0.0.1',
                   'kafka_sse_drain 1s', 'kafka_sse_history records=1',
                   'kafka_sse_backlog 1m')
{
    my ($name) = split / /, $directive;
    bad_at($_ => "$directive;", $name) for qw(s l);
}

bad_at($_ => 'kafka_sse a;', 'kafka_sse') for qw(h s);
bad_at($_ => 'kafka_sse_status json;', 'kafka_sse_status') for qw(h s);
bad_at($_ => 'kafka_sse_filter_args a=json:.a;', 'kafka_sse_filter_args')
    for qw(h s);
bad_at($_ => 'kafka_sse_cluster b { brokers b; }', 'kafka_sse_cluster')
    for qw(s l);


# ---- a server that cannot carry it

for my $case ([ main => 'master_process off;', 'master_process' ],
              [ events => 'use select;', 'select' ],
              [ events => 'use poll;', 'poll' ])
{
    my ($where, $statement, $word) = @$case;

    SKIP: {
        my ($status, $out) = t(bare => 1, $where => $statement);

        skip("this nginx has no $word", 2) if $out =~ /invalid event type/;

        is($status, 0, "$statement alone is accepted") or diag($out);

        ($status, $out) = t($where => $statement);
        my @emerg = grep { /\[emerg\]/ } split /\n/, $out;

        ok($status == 1 && @emerg == 1 && $emerg[0] =~ /kafka_sse.*\Q$word\E/,
           "$statement with kafka_sse is refused with one line")
            or diag($out);
    }
}


# ---- "nginx -t" leaves nothing behind

t();
is_deeply([ grep { slurp("$_/cmdline") =~ /kafka_sse companion/
                   && slurp("$_/environ") =~ /\Q$dir/ } glob '/proc/[0-9]*' ],
          [], '"nginx -t" starts no process');

finish;
