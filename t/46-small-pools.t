# Where nginx's pools are small, what it had for the header is given back when
# that is sent.  What the log and limit_conn look at must stay.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('pools');

my %sizes = (
    stock => '',
    small => 'request_pool_size 272; client_header_buffer_size 1280;
              connection_pool_size 384;',
    least => 'request_pool_size 112; client_header_buffer_size 2k;
              connection_pool_size 112;',
);

my $locations = <<"END";
location /s { kafka_sse $topic; limit_conn addr 1; limit_conn_status 429; }
location /more { kafka_sse $topic; add_header X-Added yes;
                 add_header Cache-Control private; add_header Link "<a>"; }
location /expires { kafka_sse $topic; expires -1; }
location /gzip { kafka_sse $topic; gzip on; gzip_types text/event-stream;
                 gzip_min_length 0; }
END

my $http = <<'END';
limit_conn_zone $binary_remote_addr zone=addr:1m;
log_format all '$request|$status|$http_user_agent|$http_cookie|$cookie_session|'
    '$http_x_long|$sent_http_cache_control|$sent_http_x_added|'
    '$sent_http_kafka_sse_resume|$sent_http_content_type|'
    '$sent_http_transfer_encoding|$sent_http_expires|$kafka_sse_records|'
    '$kafka_sse_close_reason';
access_log logs/all.log all;
END

my %headers = ('User-Agent' => 'Mozilla/5.0', 'X-Long' => 'd' x 300,
               Cookie => 'a=b; session=' . 'c' x 800);

for my $name (qw(stock small least)) {
    my $node = KafkaSSE::Node->new(
        kafka => $kafka, redis => $redis, http => "$http$sizes{$name}",
        tls => 1, server => $locations)->start;

    $node->ready([ $topic ]);

    my $first = $node->sse('/s', headers => \%headers)->wait_position;
    my $second = $node->sse('/s', headers => \%headers)->wait_headers;
    is($second->status, 429, "$name: limit_conn counts a stream that is open");

    my %sse = (
        '/s'       => $first,
        '/more'    => $node->sse('/more', headers => \%headers),
        '/expires' => $node->sse('/expires', headers => \%headers),
        '/gzip'    => $node->sse('/gzip', curl_options => [ '--compressed' ],
                                 headers => { %headers,
                                              'Accept-Encoding' => 'gzip' }),
    );

    my @tls = map { $node->sse('/more', headers => \%headers, tls => 1, %$_) }
                  {}, { http => '2' };

    $_->wait_position for values %sse, @tls;
    $kafka->fill($topic, n => 10, size => 2000);
    $_->wait_records(10) for values %sse, @tls;

    is(scalar(grep { @{$_->faults} } values %sse, @tls), 0,
       "$name: streams are proper ones");

    $_->close for values %sse, @tls;

    my %line;

    $node->wait_log('all are logged', sub {
        my @lines = grep { /\|200\|/ }
                    split /\n/, slurp($node->prefix . '/logs/all.log');
        %line = map { /^GET (\S+) HTTP\/1/ ? ($1 => $_) : () } @lines;
        @lines == 6;
    });

    my $request = join '|', 200, @headers{qw(User-Agent Cookie)}, 'c' x 800,
                            $headers{'X-Long'};

    for my $path (sort keys %sse) {
        my $added = $path eq '/more' ? 'yes' : '-';
        my $got = $line{$path} // '';

        like($got, qr/^\QGET $path HTTP\/1.1|$request|\E/,
             "$name, $path: the log has what the client sent");
        like($got, qr{\|$added\|fresh\|text/event-stream;\ charset=utf-8
                      \|chunked\|[^|]*\|10\|client$}x,
             '... and what it was sent') or diag($got);
    }

    my $again = $node->sse('/s', headers => \%headers)->wait_headers;
    is($again->status, 200, "$name: limit_conn knows of the end");
    $again->close;

    $node->quit;
}

finish;
