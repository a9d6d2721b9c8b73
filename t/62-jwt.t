# Who may read: where a token is looked for, what is refused and how, how it
# goes together with nginx's own access control, and what its claims are good
# for.  Which tokens are good at all is 61-token's.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(encode_base64url);

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('jwt');

my $secret = 'correct horse battery staple 4711';
my $other = 'another secret of thirty-two bytes or more';
my $file = tempdir() . '/jwt.key';

my $basic = tempdir() . '/basic';

spew($file, "$secret\n");
spew($basic, "joe:{PLAIN}secret\n");

sub token ($claims = {}, %opt) {
    my $text = join '.', map { encode_base64url(json_encode($_), '') }
                             { alg => $opt{alg} // 'HS256' }, $claims;

    return "$text." . encode_base64url(hmac_sha256($text, $opt{secret}
                                                          // $secret), '');
}

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, workers => 1, h2c => 1,
    http => <<"END", server => <<"END2")->start;
limit_conn_zone \$kafka_sse_subject zone=subjects:1m;
map \$kafka_sse_claim_plan \$plan { default "none"; gold "rich"; }
map \$kafka_sse_claim_accounts \$accounts {
    default \$kafka_sse_claim_accounts; }
log_format claims '\$uri|\$status|\$kafka_sse_subject|\$kafka_sse_claim_plan|'
                  '\$kafka_sse_claim_realm_access_roles|\$plan|'
                  '\$kafka_sse_safe_uri|\$request';
access_log logs/claims.log claims;
kafka_sse_jwt "orders";
kafka_sse_jwt_key_file $file;
kafka_sse_jwt_alg HS256;
END
location = /t { kafka_sse $topic; }
location = /open { kafka_sse $topic; kafka_sse_jwt off; }
location = /plain { return 200 "[\$kafka_sse_subject]"; }
location = /arg { kafka_sse $topic; kafka_sse_jwt "or\\"ders" token=\$arg_Pass;
                  kafka_sse_filter_args account=json:.account; }
location = /status { kafka_sse_status; }
location = /status-open { kafka_sse_status; kafka_sse_jwt off; }
location = /require { kafka_sse $topic;
    kafka_sse_jwt_require iss=https://a.example aud=sse;
    kafka_sse_jwt_require scope=read; }
location = /require-arg { kafka_sse $topic;
    kafka_sse_jwt_require tenants=\$arg_tenant; }
location = /late { kafka_sse $topic; kafka_sse_jwt_leeway 60s; }
location = /page { kafka_sse $topic; error_page 401 /login;
                   error_page 403 = \@no; kafka_sse_jwt_require scope=read; }
location = /login { return 200 "log in"; }
location \@no { return 418 "[\$kafka_sse_subject]"; }
location = /any-allow { kafka_sse $topic; satisfy any; allow 127.0.0.1;
                        deny all; }
location = /any-deny { kafka_sse $topic; satisfy any; deny all; }
location = /all-deny { kafka_sse $topic; deny all; }
location = /any-auth { kafka_sse $topic; satisfy any; auth_request /auth; }
location = /any-basic { kafka_sse $topic; satisfy any;
    auth_basic "basic"; auth_basic_user_file $basic; auth_request /auth; }
location = /any-status { kafka_sse_status; satisfy any;
    auth_basic "basic"; auth_basic_user_file $basic; auth_request /auth; }
location = /any-auth-not { kafka_sse $topic; satisfy any;
                           auth_request /auth-not; }
location = /all-auth-not { kafka_sse $topic; auth_request /auth-not; }
location = /delay { kafka_sse $topic; auth_delay 300ms; }
location = /auth { internal; return 204; }
location = /auth-not { internal; return 403; }
location = /limit { kafka_sse $topic; limit_conn subjects 1;
                    limit_conn_status 429; }
location = /mine { kafka_sse $topic;
    kafka_sse_filter json:.account = \$kafka_sse_claim_account; }
location = /ours { kafka_sse $topic;
    kafka_sse_filter json:.account in \$kafka_sse_claim_accounts;
    kafka_sse_filter_args account=json:.account; }
location = /beside { kafka_sse $topic;
    kafka_sse_filter json:.account in \${KAFKA_SSE_claim_accounts} c; }
location = /within { kafka_sse $topic;
    kafka_sse_filter json:.account in x\$kafka_sse_claim_accounts; }
location = /map { kafka_sse $topic;
    kafka_sse_filter json:.account in \$accounts; }
location = /nested { rewrite ^ /inner; }
location = /inner { internal; kafka_sse $topic; }
END2

$node->ready([ $topic ]);

my $good = token({ sub => 'ann', exp => time + 3600 });

sub bearer ($token, $scheme = 'Bearer') {
    return (headers => { Authorization => "$scheme $token" });
}

sub cookie ($text) { return (headers => { Cookie => $text }) }


# A stream that is let in; the status is all that is looked at.

sub enters ($name, $path, %opt) {
    my $sse = $node->sse($path, %opt)->wait_headers;
    is($sse->status, 200, $name) or diag($sse->describe);
    $sse->close;
}


# One that is refused, with JSON and the header that says why.

my %error = ('no-token' => 401, 'invalid-token' => 401,
             'insufficient-scope' => 403);

sub refused ($name, $code, $path, %opt) {
    my $r = $node->get($path, %opt);
    my $error = $code =~ tr/-/_/r;
    my $realm = $opt{realm} // 'orders';
    my $json = eval { json_decode($r->{body}) } // {};
    my $www = $r->{headers}{'www-authenticate'} // '';

    my $ok = $r->{status} == $error{$code}
             && ($json->{error} // '') eq $code && $json->{message}
             && $r->{headers}{'content-type'} eq 'application/json'
             && ($code eq 'no-token'
                 ? $www eq "Bearer realm=\"$realm\""
                 : $www =~ /^Bearer\ realm="\Q$realm\E",\ error="$error",
                             \ error_description="[^"]+"$/x)
             && (() = $r->{raw} =~ /^WWW-Authenticate:/mgi) == 1;

    ok($ok, $name) or diag($r->{raw});
}


# ---- where a token is looked for

refused('no token is refused', 'no-token', '/t');
enters('Authorization: Bearer is enough', '/t', bearer($good));
enters("... in any case: $_", '/t', bearer($good, $_))
    for qw(bearer BEARER), 'Bearer ';
enters('... on HTTP/2', '/t', bearer($good), http => '2', window => 65535);
refused('... another scheme is none', 'no-token', '/t', bearer($good, 'Basic'));
refused('... nor is one that begins like it', 'no-token', '/t',
        bearer($good, 'Bearerx'));
refused('... an empty one is not good', 'invalid-token', '/t',
        headers => { Authorization => 'Bearer' });
refused('... nor are two in one', 'invalid-token', '/t',
        bearer("$good $good"));

{
    # nginx 1.23 and later answers 400 by itself

    my $r = $node->get('/t', headers => {
        Authorization => "Bearer $good\r\nAuthorization: Bearer $good" });

    like($r->{status}, qr/^40[01]$/, '... nor are two headers')
        or diag($r->{raw});
}

enters('the cookie kafka_sse_token is enough', '/t',
       cookie("kafka_sse_token=$good"));
enters('... among others', '/t',
       cookie("a=b; kafka_sse_token=$good; c=\"d\""));
enters('... twice the same', '/t',
       cookie("kafka_sse_token=$good; kafka_sse_token=$good"));
enters('... beside another scheme of Authorization', '/t',
       headers => { Cookie => "kafka_sse_token=$good",
                    Authorization => 'Basic YTpi' });
refused('... twice with different values is refused', 'invalid-token', '/t',
        cookie("kafka_sse_token=$good; kafka_sse_token="
               . token({ sub => 'bob' })));
refused('... in two headers with different values, too', 'invalid-token', '/t',
        cookie("kafka_sse_token=$good\r\nCookie: kafka_sse_token="
               . token({ sub => 'bob' })));
refused("a cookie with another name is none: $_", 'no-token', '/t',
        cookie("$_=$good"))
    for qw(kafka_sse_tokens Kafka_SSE_Token xkafka_sse_token kafka_sse_toke),
        'a=b, kafka_sse_token';
refused('an empty cookie is none', 'no-token', '/t',
        cookie('kafka_sse_token='));
refused('a bad header is not made good by a good cookie', 'invalid-token',
        '/t', headers => { Authorization => 'Bearer x.y.z',
                           Cookie => "kafka_sse_token=$good" });

enters('token=$variable is where it is looked for', "/arg?pass=$good");
enters('... in any case, as nginx has it', "/arg?PASS=$good");
refused('... and nowhere else', 'no-token', '/arg', bearer($good),
        realm => 'or\\"ders');
refused('a query argument is no token elsewhere', 'no-token',
        "/t?token=$good&access_token=$good&kafka_sse_token=$good");


# ---- what is refused, and how

refused('a token of another secret is refused', 'invalid-token', '/t',
        bearer(token({ sub => 'ann' }, secret => $other)));
refused('one that has expired', 'invalid-token', '/t',
        bearer(token({ exp => int(time) - 1 })));
refused('one that is not valid yet', 'invalid-token', '/t',
        bearer(token({ nbf => int(time) + 30 })));
refused('one of the future', 'invalid-token', '/t',
        bearer(token({ iat => int(time) + 30 })));
refused('one with another alg', 'invalid-token', '/t',
        bearer(token({}, alg => 'HS384')));
refused('one with alg none', 'invalid-token', '/t',
        bearer(token({}, alg => 'none')));
refused('what is no token at all', 'invalid-token', '/t', bearer($_))
    for qw(x . .. ... a.b.c), "$good.", ".$good", "$good=", 'x' x 4000;

enters('without exp it is accepted', '/t', bearer(token({ sub => 'ann' })));
enters('the leeway counts for exp', '/late',
       bearer(token({ exp => int(time) - 30 })));
enters('... for nbf and iat', '/late',
       bearer(token({ nbf => int(time) + 30, iat => int(time) + 30 })));
refused('... and not longer', 'invalid-token', '/late',
        bearer(token({ exp => int(time) - 61 })));

my %full = (iss => 'https://a.example', aud => [ 'x', 'sse' ],
            scope => 'write read');

enters('all required claims are enough', '/require', bearer(token(\%full)));
enters('... aud may be one text', '/require',
       bearer(token({ %full, aud => 'sse' })));
refused('another issuer is 401', 'invalid-token', '/require',
        bearer(token({ %full, iss => 'https://b.example' })));
refused('another audience is 401', 'invalid-token', '/require',
        bearer(token({ %full, aud => [ 'x' ] })));
refused('... and so is none, whatever else is missing', 'invalid-token',
        '/require', bearer(token({ iss => 'https://a.example' })));
refused('a part of a scope is not enough: 403', 'insufficient-scope',
        '/require', bearer(token({ %full, scope => 'reads rea write' })));
refused('no scope is not enough: 403', 'insufficient-scope', '/require',
        bearer(token({ %full{qw(iss aud)} })));

my %tenants = (tenants => [ 'a', 'b' ]);

enters('a required value may have a variable', '/require-arg?tenant=b',
       bearer(token(\%tenants)));
refused('... and be what the token lacks', 'insufficient-scope',
        '/require-arg?tenant=c', bearer(token(\%tenants)));
refused('... as an empty one is', 'insufficient-scope', '/require-arg',
        bearer(token({ tenants => [ '' ] })));

{
    my $r = $node->get('/t', method => 'HEAD');
    is($r->{status}, 401, 'HEAD is refused');
    is($r->{body}, '', '... without a body');

    $r = $node->get('/t', method => 'HEAD', bearer($good));
    is($r->{status}, 200, '... and let in by a token');

    is($node->get('/t', method => 'POST')->{status}, 401,
       'a method that is not served is refused for the token first');
    is($node->get('/t', method => 'POST', bearer($good))->{status}, 405,
       '... and with a token for itself');

    is($node->get('/plain')->{status}, 200,
       'a location that serves nothing of ours asks for none');
    is($node->get('/plain', bearer($good))->{body}, '[ann]',
       '... but knows who it is');
    is($node->get('/plain', bearer("${good}x"))->{body}, '[]',
       '... if that is true');
    is($node->get('/status')->{status}, 401, 'the status asks, too');
    is($node->get('/status', bearer($good))->{status}, 200,
       '... and answers');
    is($node->get('/status-open')->{status}, 200, '... unless it is off');
}

enters('off is off', '/open');
enters('... whatever comes', '/open', bearer('x.y.z'));


# ---- no byte before the token is verified

{
    my $before = $node->status('/status-open')->{streams}{opened};

    $kafka->fill($topic, n => 20);

    my @sse = map { $node->sse('/t', headers => { %$_ }) }
                  {}, { Authorization => 'Bearer x' },
                  { Cookie => "kafka_sse_token=${good}x" };

    pump(10, 'all are answered', sub { !grep { !$_->ended } @sse });

    is_deeply([ map { $_->status } @sse ], [ 401, 401, 401 ],
              'while records flow, bad tokens are refused');
    is_deeply([ grep { /offset|data:|retry:|id:/ } map { $_->body } @sse ],
              [], '... without a byte of a stream');
    is($node->status('/status-open')->{streams}{opened}, $before,
       '... and no stream was made of them');
}


# ---- with nginx's own access control

enters('satisfy any: an address is enough', '/any-allow');
enters('... and so is a token', '/any-deny', bearer($good));
enters('... or auth_request', '/any-auth');

{
    for my $path ('/any-allow', '/any-auth', '/any-basic') {
        my $sse = $node->sse($path)->wait_headers;
        is($sse->status . ($sse->header('WWW-Authenticate') // ''), '200',
           "... who is let in is not asked for a token: $path");
        $sse->close;
    }

    my $r = $node->get('/any-status');
    is($r->{status} . ($r->{headers}{'www-authenticate'} // ''), '200',
       '... nor for the status');

    $r = $node->get('/any-deny');
    is($r->{status}, 401, '... neither is 401') or diag($r->{raw});
    is($r->{headers}{'www-authenticate'}, 'Bearer realm="orders"',
       '... and says what is wanted');

    is($node->get('/any-auth-not')->{status}, 401,
       '... with an auth_request that refuses, too');
    is($node->get('/all-deny', bearer($good))->{status}, 403,
       'satisfy all: a token is not enough where the address is refused');
    is($node->get('/all-auth-not', bearer($good))->{status}, 403,
       '... or auth_request does');

    refused('... nor is an allowed address', 'no-token', '/all-auth-not');

    my $began = time;
    $r = $node->get('/delay');
    is($r->{status}, 401, 'auth_delay: refused');
    cmp_ok(time - $began, '>=', 0.29, '... after its time');

    $r = $node->get('/page');
    is($r->{status}, 401, 'error_page 401: the status') or diag($r->{raw});
    is($r->{body}, 'log in', '... and the page');
    is($r->{headers}{'www-authenticate'}, 'Bearer realm="orders"',
       '... with the header');

    $r = $node->get('/page', bearer($good));
    is($r->{status}, 418, 'error_page 403: a named location answers')
        or diag($r->{raw});

    enters('a rewritten request is let in once', '/nested', bearer($good));
    refused('... or refused', 'no-token', '/nested');
}


# ---- what claims are good for

{
    my $ann = $node->sse('/limit', bearer($good))->wait_headers;
    my $bob = $node->sse('/limit', bearer(token({ sub => 'bob' })))
                   ->wait_headers;

    is($ann->status, 200, 'limit_conn by subject: ann enters');
    is($bob->status, 200, '... and bob');

    my $r = $node->get('/limit', bearer($good));
    is($r->{status}, 429, '... ann only once');
    is($node->get('/limit', bearer($good . 'x'))->{status}, 401,
       '... who is not ann does not count as ann');

    $_->close for $ann, $bob;
}

{
    my $claims = { sub => 'log', plan => 'gold', exp => time + 3600,
                   realm_access => { roles => [ 'a', 'b' ] } };

    my $sse = $node->sse('/t?x=1', bearer(token($claims)))->wait_position;

    # long enough for the memory of the request to be used again

    $kafka->fill($topic, n => 50);
    $sse->wait_records(50);
    $sse->close;

    my $log = "$node->{prefix}/logs/claims.log";

    wait_for(10, 'the log line', sub { slurp($log) =~ m{^/t.*\|log\|}m });
    like(slurp($log), qr{^/t\|200\|log\|gold\|a,b\|rich\|/t\?x=1\|}m,
         'claims are in the log, and in a map, when the stream is over');

    is($node->get("/t?token=abc&Access_Token=x.y.z&jw%74=q;w&pass=p&a=1")
            ->{status}, 401, 'a request with tokens in its URI');
    $node->get("/arg?PA%53S=hidden&pass=shown.to.nobody&b=2");

    wait_for(10, 'the log line', sub { slurp($log) =~ m{b=2.*\n}m });

    my ($safe) = slurp($log) =~ m{^/t\|401\|.*\|(\S*a=1)\|}m;
    is($safe, '/t?token=***&Access_Token=***&jw%74=***&pass=***&a=1',
       '$kafka_sse_safe_uri shows none of them');

    my ($line) = slurp($log) =~ m{^(/arg\|401.*b=2.*)$}m;
    is($line, '/arg|401|-|-|-|none|/arg?PA%53S=***&pass=***&b=2'
              . '|GET /arg?PA%53S=***&pass=***&b=2 HTTP/1.1',
       '... and neither does $request where such a token was looked at');

    # nginx logs a header that it refuses as there is another one

    is_deeply([ grep { !/duplicate header line/ }
                    $node->log_lines(qr/shown\.to\.nobody|\Q$good\E/) ],
              [], 'the error log has no token of ours');
    like($node->log, qr/\[info\] .*kafka_sse: token refused: .*expired/,
         '... but the reason for each refusal');
    is_deeply([ grep { !/\[(?:info|notice|debug)\]/ && /token/ }
                    split /\n/, $node->log ],
              [], '... and nothing above info');
}


# ---- rights by claim, and a client's own filter

sub accounts ($sse) {
    my %seen = map { json_decode($_->{data})->{account} => 1 } $sse->records;
    return join ' ', sort keys %seen;
}

{
    my %who = (
        one => [ '/mine', { account => 'a' }, 'a' ],
        comma => [ '/mine', { account => 'a,b' }, 'a,b' ],
        nobody => [ '/mine', { sub => 'x' }, '' ],
        number => [ '/mine', { account => 7 }, '7' ],
        list => [ '/ours', { accounts => [ 'a', 'b' ] }, 'a b' ],
        elements => [ '/ours', { accounts => [ 'a,b', 'c' ] }, '' ],
        text => [ '/ours', { accounts => 'a,b' }, 'a,b' ],
        'no comma' => [ '/ours', { accounts => 'b' }, 'b' ],
        'a claim and a text' => [ '/beside', { accounts => [ 'a', 'b' ] },
                                  'a b c' ],
        '... that has a comma' => [ '/beside', { accounts => 'a,b' },
                                    'a,b c' ],
        'text within a word' => [ '/within', { accounts => 'a,b' }, 'xa,b' ],
        'list within a word' => [ '/within', { accounts => [ 'a', 'b' ] },
                                  'xa,b' ],
        'of a map' => [ '/map', { accounts => [ 'a', 'b' ] }, 'a b' ],
        empty => [ '/ours', { accounts => [] }, '' ],
        missing => [ '/ours', {}, '' ],
        narrow => [ '/ours?account=b', { accounts => [ 'a', 'b' ] }, 'b' ],
        wide => [ '/ours?account=c', { accounts => [ 'a', 'b' ] }, '' ],
        both => [ '/ours?account=b,c', { accounts => [ 'a', 'b' ] }, '' ],
        again => [ '/ours?account=c&account=a&accounts=c',
                   { accounts => [ 'a', 'b' ] }, undef ],
    );

    my @values = (qw(a b c xa xb), 'a,b', 'b,c', 'xa,b', '', 7, 'end');
    my %sse;

    for my $name (sort keys %who) {
        my ($path, $claims) = @{$who{$name}};
        $sse{$name} = $node->sse($path, bearer(token($claims)))->wait_headers;
        delete $sse{$name} if $sse{$name}->status != 200;
    }

    $_->wait_position for values %sse;

    my $end = $node->sse('/t', bearer($good))->wait_position;

    $kafka->produce([ map { { topic => $topic,
                              value => json_encode({ account => $_ }) } }
                          @values ]);

    $end->wait_records(scalar @values);

    # what a stream gets of these it has by the time it beats with their id

    my $last = $end->last_id;

    for my $name (sort keys %who) {
        my $sse = $sse{$name};

        if (!defined $who{$name}[2]) {
            ok(!$sse, "$name: is refused");
            next;
        }

        $sse->wait_for(30, 'the position moves', sub {
            position_order($last, $sse->last_id) =~ /same|after/;
        });
        is(accounts($sse), $who{$name}[2], "$name: " . ($who{$name}[2] || '-'))
            or diag($sse->describe);
    }

    $_->close for $end, values %sse;
}


# ---- the key file changes

{
    my $new = token({ sub => 'ann' }, secret => $other);

    refused('before a rotation the new key is unknown', 'invalid-token', '/t',
            bearer($new));

    spew("$file.new", $other);
    rename "$file.new", $file or die "rename: $!";

    wait_for(10, 'the new key', sub {
        $node->get('/t', method => 'HEAD', bearer($new))->{status} == 200;
    }, 0.1);
    pass('a new key file counts without a reload');
    refused('... and the old one no longer', 'invalid-token', '/t',
            bearer($good));

    spew("$file.new", 'short');
    rename "$file.new", $file or die "rename: $!";

    $node->wait_log('the bad key file', sub {
        $node->get('/t', method => 'HEAD', bearer($new));
        $node->log =~ /\[(?:error|crit)\].*\Q$file\E/;
    });
    pass('a bad new file is told of');

    for (1 .. 3) {
        enters('... and the old keys stay', '/t', bearer($new));
    }

    my @lines = $node->log_lines(qr/\[(?:error|crit)\].*\Q$file\E/);
    is(scalar @lines, 1, '... it is told once') or diag(@lines);

    spew("$file.new", $secret);
    rename "$file.new", $file or die "rename: $!";

    wait_for(10, 'the first key', sub {
        $node->get('/t', method => 'HEAD', bearer($good))->{status} == 200;
    }, 0.1);
    pass('... and a good one after it counts');
}

finish;
