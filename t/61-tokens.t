# The matrix of tokens (t/lib/KafkaSSE/Token.pm) against nginx: each case is a
# request, which is let in, or is 401, or 403 where it lacks a right.  No bad
# token is a 5xx or ends a worker.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use IO::Socket::INET;
use KafkaSSE::Token;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('tokens');
my $dir = tempdir();

my $tokens = KafkaSSE::Token->new;
my $rings = $tokens->rings;
my @cases = $tokens->cases;
my (%places, $server);

# A location has secrets or public keys, so a ring with both is two of them;
# one without a secret cannot be one for HS at all.

for my $name (sort keys %$rings) {
    my $ring = $rings->{$name};
    my @algs = split /,/, $ring->{algs};

    spew("$dir/$name", $ring->{text});
    chmod 0644, "$dir/$name" or die "$dir/$name: $!";

    for my $kind ('', '-hs') {
        my @may = grep { /^HS/ ? $kind : !$kind } @algs;
        next if !@may || ($kind && $ring->{text} !~ /^a secret|"oct"/);

        $places{"$name$kind"} = 1;
        $server .= join "\n", "location = /$name$kind {",
            "kafka_sse $topic;", "kafka_sse_jwt tokens;",
            "kafka_sse_jwt_key_file $dir/$name;",
            "kafka_sse_jwt_alg @may;",
            $ring->{require} ? "kafka_sse_jwt_require $ring->{require};" : (),
            $ring->{leeway} ? "kafka_sse_jwt_leeway $ring->{leeway};" : (),
            "}\n";
    }
}

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, workers => 1,
    server => "large_client_header_buffers 4 32k;\n$server")->start;

$node->ready([ $topic ], headers => {});

my @workers = $node->workers;


# the status of a request with this token, and the code of a refusal

sub ask ($place, $token) {
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $node->port, Timeout => 10)
        or return 'no connection';

    # who is refused for the form of the request may see a reset

    local $SIG{PIPE} = 'IGNORE';

    print $sock "GET /$place HTTP/1.1\r\nHost: localhost\r\n"
                . "Accept: text/event-stream\r\n"
                . "Authorization: Bearer $token\r\n\r\n";

    my $head = '';

    while ($head !~ /\r\n\r\n/) {
        sysread $sock, $head, 4096, length $head or last;
    }

    return ($head =~ m{^HTTP/1\.1 (\d+)})[0] . ' '
           . ($head =~ /^Content-Type: (\S+?);?\s/m ? $1 : 'nothing');
}


# where a case belongs: with the secrets, if its ring has some and it is either
# for one or for none of the others

sub place ($case, $token) {
    my $name = $case->{ring};

    return $name if !$places{"$name-hs"};
    return "$name-hs" if !$places{$name};

    my $header = KafkaSSE::Token::unb64($token =~ s/\..*//sr);

    return $header =~ /"HS\d/ || $header =~ /u00/ ? "$name-hs" : $name;
}


for my $case (@cases) {
    my $token = ref $case->{token} ? $case->{token}->(time) : $case->{token};
    my $place = place($case, $token);

    my $want = $case->{good} ? qr{^200 text/event-stream$}
        : $case->{late} && $case->{ring} =~ /^(?:scope|role)$/
        ? qr{^403 application/json$}
        : ($case->{http} // 1) ? qr{^401 application/json$} : qr{^40[01] };

    like(ask($place, $token), $want,
         "$case->{name} ($case->{why}): "
         . ($case->{good} ? 'let in' : 'refused'))
        or diag("location /$place");
}

is_deeply([ $node->workers ], \@workers, 'the worker is the one that was');

my @bad = grep { / 5\d\d / } split /\n/, $node->access_log;
is_deeply(\@bad, [], 'no 5xx');

finish;
