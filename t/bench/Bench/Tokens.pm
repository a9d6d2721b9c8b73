package Bench::Tokens;

# 10,000 requests a second whose tokens are not good, and what the live streams
# of the same worker notice.  Beside the same with nobody there, and with 10,000
# requests a second that nginx refuses by itself ("return 401").

use v5.36;

use KafkaSSE::Rig qw(unique tempdir spew);
use KafkaSSE::Token;
use Bench::Rig;
use Bench::Table;

my ($streams) = split ' ', $ENV{STREAMS} // 1000;
my $rate    = 100;
my $bad     = 10_000;                   # a second
my $conns   = 100;
my $seconds = $quick ? 3 : 10;
my $nobody  = 'nobody';
my $nginx   = 'nginx: return 401';

# what stands in the request, and which key would verify it

my @storms = (
    [ $nginx,             'none', '/refused' ],
    [ 'no token',         'none', '/rs' ],
    [ '8 KB of nothing',  'junk', '/rs' ],
    [ 'alg "none"',       'unsigned', '/rs' ],
    [ 'HS256, forged',    'hs',   '/hs' ],
    [ 'ES256, forged',    'es',   '/es' ],
    [ 'RS256, forged',    'rs',   '/rs' ],
);


sub new ($class) { bless { name => 'tokens', runs => {} }, $class }


# Keys, and a token of each kind whose signature is good but for one bit.

sub tokens {
    my $dir = tempdir() . '/' . unique('tokens');
    mkdir $dir or die "$dir: $!";
    chmod 0755, tempdir(), $dir;

    my $issuer = KafkaSSE::Token->new;
    my %alg = (hs => 'HS256', es => 'ES256', rs => 'RS256');

    spew("$dir/hs.pub", $issuer->{secret});
    spew("$dir/es.pub", $issuer->pem('p256'));
    spew("$dir/rs.pub", $issuer->pem('rsa'));

    my %claims = (sub => 'somebody', iss => 'bench', exp => time + 3600);
    my %token = (none => undef, junk => 'x' x 8000);

    for my $kind (sort keys %alg) {
        my ($header, $payload, $signature)
            = split /\./, $issuer->token($alg{$kind}, \%claims);

        $token{$kind} = "$header.$payload." . KafkaSSE::Token::b64(
            KafkaSSE::Token::unb64($signature) ^. "\0\0\0\0\0\0\0\1");
        $token{unsigned} = KafkaSSE::Token::b64('{"alg":"none"}')
                         . ".$payload.";
    }

    return ($dir, \%token);
}


sub request ($dir, $uri, $token) {
    my $file = "$dir/" . unique('request');

    spew($file, "GET $uri HTTP/1.1\r\nHost: 127.0.0.1\r\n"
              . "Accept: text/event-stream\r\n"
              . (defined $token ? "Authorization: Bearer $token\r\n" : '')
              . "\r\n");

    return $file;
}


sub location ($dir, $kind, $topic) {
    my $alg = uc($kind) . '256';

    return "location = /$kind { kafka_sse $topic; kafka_sse_jwt bench; "
         . "kafka_sse_jwt_key_file $dir/$kind.pub; kafka_sse_jwt_alg $alg; "
         . "}\n";
}


sub measure ($self) {
    my $topic = unique('tokens');
    my ($dir, $token) = tokens();
    my $feed = kafka_feed($topic);

    redis()->start if !redis()->pid;

    my $server = ours(streams => $streams * 2, topic => $topic,
        brokers => $feed->{brokers},
        http => [ 'keepalive_requests 100000000',
                  'large_client_header_buffers 4 16k' ],
        blocks => join('', "location = /refused { return 401; }\n",
                       map { location($dir, $_, $topic) } qw(hs es rs)));

    $server->{feed} = $feed;
    $self->{conf} = $server->{conf};
    ready($server, $streams);

    my $storm = talk_start("$bin/storm", $server->{port}, $conns);
    place($storm->{pid}, $other_cores);

    $self->measure_row($server, $nobody);

    for my $row (@storms) {
        my ($name, $kind, $uri) = @$row;
        my $file = request($dir, $uri, $token->{$kind});

        $self->measure_row($server, $name, $storm,
                           "storm $bad " . int($seconds * 1000) . " $file");
    }

    talk_end($storm);
    servers_stop();
    push @storms, shift @storms;
}


sub measure_row ($self, $server, $name, $storm = undef, $line = undef) {
    my $r = phase($server, $rate, $seconds, 5, sub (@) {
        talk_say($storm, $line) if $storm;
    });

    my $s = $r->{storm} = talk_hear($storm) if $storm;
    my $why = complaint($r);

    wrong("tokens, $name: $why") if $why;

    if ($s) {
        my $refused = $s->{status}{401} // 0;

        wrong("tokens, $name: $refused of $s->{answered} are 401")
            if $refused != $s->{answered} || !$refused;
    }

    push @{$self->{runs}{$name}}, $r;

    printf "  %-20s p99 %7.2f ms, worker %3.0f %% of its core%s%s\n", $name,
        $r->{latency_us}{p99} / 1000, $r->{share},
        $s ? ", $s->{answered} refused, $s->{late} not sent" : '',
        say_others($r->{others});
}


my @columns = (
    [ sub { $_[0]{latency_us}{p50} / 1000 }, 'p50 ms',  'live', '%.2f' ],
    [ sub { $_[0]{latency_us}{p99} / 1000 }, 'p99 ms',  'live', '%.2f' ],
    [ sub { $_[0]{share} },                  '% of',    'core', '%.0f' ],
    [ sub { $_[0]{storm} && $_[0]{storm}{answered} / $seconds },
                                             'refused', 'per s', 'commas' ],
    [ sub { $_[0]{storm} && $_[0]{storm}{answer_us}{p99} / 1000 },
                                             'p99 ms',  'refusal', '%.2f' ],
);


sub finish ($self) {
    my $runs = $self->{runs};
    my @names = ($nobody, sort map { $_->[0] } @storms);

    say commas($streams), " streams, $rate records/s of $size bytes for ",
        "$seconds s; ", commas($bad), " requests/s on $conns connections,\n",
        "all to be refused, on the same worker.  Worker on core $server_core, ",
        "all else on $other_cores.\n";

    my $m = table(\@columns, map { [ $_, @{$runs->{$_}} ] }
                              grep { $runs->{$_} } @names);

    ratios($m, $_, $_, [ $nginx ], 0 .. 2) for grep { $_ ne $nobody } @names;
    say '';

    for my $name (grep { $m->{$_} && $m->{$nobody} } @names[1 .. $#names]) {
        target("p99 of live streams, $name / $nobody", 'x%.2f',
               $m->{$name}[1] / $m->{$nobody}[1], '<= x1.2');
    }

    return { streams => $streams, rate => $rate, bad => $bad,
             seconds => $seconds, runs => $runs, conf => $self->{conf} };
}


1;
