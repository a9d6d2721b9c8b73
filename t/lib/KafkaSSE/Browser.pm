package KafkaSSE::Browser;

# A headless Chromium, driven by the W3C WebDriver protocol.
#
#     my $browser = KafkaSSE::Browser->new;
#     $browser->open("https://127.0.0.1:$port/");
#     $browser->js('return document.title');
#     $browser->close;
#
# flags: more of the command line's.  ->js_async($script) gives the script a
# function as its last argument, and returns what that is called with.

use v5.36;

use HTTP::Tiny;
use KafkaSSE::Rig qw(wait_for json_decode json_encode tempdir at_end);

my $pid;

sub new ($class, %opt) {
    my $port = KafkaSSE::Rig::free_port();
    my $self = bless { http => HTTP::Tiny->new(timeout => 60),
                       base => "http://127.0.0.1:$port" }, $class;

    $pid = KafkaSSE::Rig::spawn([ 'chromedriver', "--port=$port", '--silent' ],
                                out => tempdir() . '/chromedriver.log');

    # should a test end in between: the browser is in its driver's group

    at_end(sub { kill KILL => -$pid if $pid });

    wait_for(20, 'chromedriver', sub {
        $self->{http}->get("$self->{base}/status")->{success};
    });

    my @flags = qw(--headless --no-sandbox --disable-gpu --disable-quic
                   --no-first-run --disable-background-networking
                   --disable-component-update --disable-sync
                   --disable-dev-shm-usage --ignore-certificate-errors);

    push @flags, @{$opt{flags} // []};

    my $session = $self->_request(POST => '/session', {
        capabilities => { alwaysMatch => {
            browserName => 'chrome',
            acceptInsecureCerts => JSON::PP::true,
            'goog:chromeOptions' => {
                args => [ @flags, '--window-size=1400,900',
                          '--user-data-dir=' . tempdir() . '/chromium' ] } } }
    });

    $self->{base} .= "/session/$session->{sessionId}";

    return $self;
}


sub open ($self, $url) { $self->_request(POST => '/url', { url => $url }) }

sub js ($self, $script) {
    return $self->_request(POST => '/execute/sync',
                           { script => $script, args => [] });
}

sub js_async ($self, $script) {
    return $self->_request(POST => '/execute/async',
                           { script => $script, args => [] });
}

sub close ($self) {
    $self->_request(DELETE => '');
    kill TERM => $pid;
    KafkaSSE::Rig::wait_exit($pid, 10);
    undef $pid;
}

sub _request ($self, $method, $path, $body = undef) {
    my $got = $self->{http}->request($method, "$self->{base}$path", {
        headers => { 'Content-Type' => 'application/json' },
        defined $body ? (content => json_encode($body)) : (),
    });

    die "$method $path: $got->{status} $got->{content}" if !$got->{success};

    return json_decode($got->{content})->{value};
}


1;
