# "make demo" shows what it promises: curl and a real browser, through TLS and
# HTTP/2, receive the day's records; a connection that is lost, in any of the
# ways below, goes on from its last id, and the page has missed nothing.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

use HTTP::Tiny;
use KafkaSSE::Browser;
use IO::Socket::INET;

my $top = "$FindBin::Bin/..";
my $dir = tempdir() . '/demo';


# ---- it starts, though the first port is taken

my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1,
                                  LocalPort => KafkaSSE::Rig::free_port())
            // die "listen: $!";

my $said = tempdir() . '/demo.out';

my $demo = KafkaSSE::Rig::spawn([ "$top/conf/demo/run" ], leash => 1,
    out => $said,
    env => { DEMO_DIR => $dir, PORT => $taken->sockport,
             TLS_PORT => KafkaSSE::Rig::free_port(),
             REDIS_PORT => KafkaSSE::Rig::free_port(),
             MODULE => KafkaSSE::Nginx::module(),
             NGINX_BIN => KafkaSSE::Nginx::binary() });

wait_for(40, 'the demo to start', sub {
    slurp($said) =~ /Ctrl-C/ || !KafkaSSE::Rig::alive($demo);
});

my $text = slurp($said);
my ($http) = $text =~ m{(http://127\.0\.0\.1:\d+)/};
my ($https) = $text =~ m{(https://127\.0\.0\.1:\d+)/};

ok($http && $https, 'the demo prints its addresses')
    or die "no demo: $text";
isnt($http, 'http://127.0.0.1:' . $taken->sockport,
     'a port that is taken is not insisted on');
like($text, qr{curl -N \Q$http\E/orders}, 'and a line for curl');

my $user = HTTP::Tiny->new(timeout => 10);


# ---- records arrive

sub curl ($path, $n, @options) {
    my $got = run([ 'timeout', '20', 'bash', '-c', 'set -o pipefail
        curl -sSNk "$@" | grep --line-buffered -m "$N" "^data:"', '-',
        @options, $path ], env => { N => $n });

    return map { s/^data: //r } split /\n/, $got->{out};
}

my @orders = map { json_decode($_) } curl("$http/orders", 5);
is(@orders, 5, 'curl -N shows orders');
is((grep { $_->{order} =~ /^A-\d+$/ && $_->{status} && $_->{dish} } @orders),
   5, 'each with its number, status and dish');

my @couriers = map { json_decode($_) } curl("$http/couriers", 60);
is(@couriers, 60, 'and where the couriers are');

my %at = map { $_->{courier} => 1 } @couriers;
cmp_ok(scalar keys %at, '>=', 10, 'of most of them within a second or two');

is(scalar(curl("$https/orders", 3, '--http2')), 3, 'so does HTTP/2 with TLS');

my $status = json_decode($user->get("$http/status")->{content});
ok($status->{companion}{alive}, 'the status says that the companion is alive');

my %type = ('' => 'text/html', 'demo.css' => 'text/css',
            'demo.js' => 'text/javascript', 'map.js' => 'text/javascript',
            'city.json' => 'application/json', 'icon.svg' => 'image/svg+xml');

for my $file (sort keys %type) {
    my $got = $user->get("$http/$file");
    like("$got->{status} $got->{headers}{'content-type'}",
         qr/^200 \Q$type{$file}\E/, "the page's /$file is $type{$file}");
}


# ---- a browser

my $browser = KafkaSSE::Browser->new;

$browser->open("$https/");

sub page ($expr = '1') {
    return $browser->js("return window.demo ? ($expr) : null");
}

sub page_is ($seconds, $what, $expr) {
    my $ok = eval { wait_for($seconds, $what, sub { page($expr) }, 0.1) };

    ok($ok, $what)
        or diag(json_encode(page('JSON.parse(JSON.stringify(demo))')),
                slurp("$dir/logs/error.log") =~ s/.*\n(?=(?:.*\n){20})//sr);
}

page_is(30, 'the page receives records',
        'demo.orders > 4 && demo.couriers > 150');
is($browser->js('return performance.getEntriesByType("navigation")[0]'
                . '.nextHopProtocol'), 'h2', 'the browser speaks HTTP/2');
like(page('demo.lastEventId'), qr/^1\.[\w.-]+$/, 'and keeps the last id');
is(page('document.querySelectorAll(".courier").length'), 12,
   'twelve couriers are on the map');
cmp_ok(page('document.querySelectorAll(".order").length'), '>', 0,
       'orders are on the board');

my @before = @{page('[...document.querySelectorAll(".courier")]'
                    . '.map(e => e.getAttribute("transform"))')};
page_is(10, 'the couriers move', '[...document.querySelectorAll(".courier")]'
        . '.filter((e, i) => e.getAttribute("transform") != '
        . json_encode(\@before) . '[i]).length > 3');

my $resumed = 0;

sub goes_on ($how, $seconds = 15) {
    my $id = page('demo.lastEventId');
    my $events = page('demo.events');

    $resumed++;
    page_is($seconds, "after $how the page resumes",
            "demo.state == 'open' && demo.resumed >= $resumed");
    page_is($seconds, 'and receives records again',
            "demo.events > $events + 150");
    is(page('demo.missed'), 0, 'it has missed none');
    is(page('demo.repeated'), 0, 'and had none twice');
    is(page('demo.resets'), 0, 'nor was it told of a loss');
    $resumed = page('demo.resumed');
}


# the worker that has the browser's stream dies: the browser comes back by
# itself, with the header Last-Event-ID

sub worker {
    my $state = json_decode($user->get("$http/status")->{content});
    my ($worker) = grep { $_->{streams} } @{$state->{streams}{workers}};

    return $worker && $worker->{pid};
}

my $worker = wait_for(10, 'a worker with a stream', \&worker);
kill KILL => $worker;
goes_on('the death of its worker');
isnt(worker(), $worker, 'another worker serves it');

# the button

$browser->js('document.getElementById("drop").click()');
goes_on('a click on "Drop the connection"');
like($browser->js('return document.getElementById("told").textContent'),
     qr/\b[1-9]\d* records.*\b0 missed, 0 twice/s,
     'the page says what it missed: nothing');

# a reload: the stand-in for Kafka takes its time to give the group's
# partitions to the new companion

my ($master) = slurp("$dir/nginx.pid") =~ /(\d+)/;
kill HUP => $master;
goes_on('a reload', 30);

$browser->close;

my $log = wait_for(10, 'the last stream in the access log', sub {
    my $log = slurp("$dir/logs/access.log");
    $log =~ m{/day(?:\?\S*)? HTTP/2.*\s"1\.[^"]+"$}m && $log;
});

like($log, qr{"GET /day\?lastEventId=1\.\S+ HTTP/2\.0" 200},
     'the button says the last id in the URL');
like($log, qr{"GET /day\S* HTTP/2\.0" 200 \d+ \S+ "1\.[\w.-]+"},
     'and the browser by itself in Last-Event-ID');


# ---- and ends

# all that descend from one

sub family ($pid) {
    my %children;

    for my $stat (glob '/proc/[0-9]*/stat') {
        my ($child, $parent) = slurp($stat) =~ /^(\d+) \(.*\) \S (\d+)/s;
        push @{$children{$parent}}, $child if defined $parent;
    }

    my @all = ($pid);

    for (my $i = 0; $i < @all; $i++) {
        push @all, @{$children{$all[$i]} // []};
    }

    return @all;
}

my @pids = family($demo);
cmp_ok(scalar @pids, '>=', 8, 'the demo is some processes')
    or diag("@pids");

kill TERM => $demo;
is(KafkaSSE::Rig::wait_exit($demo, 15), 0, 'SIGTERM ends it');
is_deeply([ grep { KafkaSSE::Rig::alive($_) } @pids ], [],
          'with all that it started');
ok(!IO::Socket::INET->new(PeerAddr => $http =~ s{^http://}{}r),
   'nobody listens any more');

my @alerts = grep { !/exited on signal 9/ }
             slurp("$dir/logs/error.log") =~ /^.*\[(?:alert|emerg|crit)\].*$/mg;
is_deeply(\@alerts, [], 'no alert in the log');
unlike(slurp("$dir/logs/nginx.log"), qr/Sanitizer|runtime error/,
       'nor anything from a sanitizer');

done_testing();
