package Bench::Plot;

# Curves and bars as SVG: white ground, no scripts, no fonts but the viewer's
# own.  Coordinates are in px, y downwards.
#
#     plot_lines({ title, x => axis, y => axis,
#                  lines => [ { name, points => [ [ x, y ], ... ] }, ... ] })
#     plot_bars({ title, unit, groups => [ { name, bars => [ { name, value },
#                 ... ] }, ... ] })
#
# An axis is { name, log => 1 or not, ticks => [ ... ] or not }; ticks of a
# linear one, and those of a logarithmic one that are not given, are found.

use v5.36;

use Exporter 'import';
use List::Util qw(max min);
use POSIX qw(ceil floor);

our @EXPORT = qw(plot_lines plot_bars);

my ($width, $height) = (720, 420);
my ($left, $right, $top, $bottom) = (76, 24, 52, 58);

# Told apart by who does not see colours as well: each line has marks, too.

my @colours = ('#1f6fb4', '#d1491c', '#2a8a3e', '#7a4fa3', '#8a6d1d',
               '#555555');
my @marks = (
    sub ($x, $y) { sprintf '<circle cx="%.1f" cy="%.1f" r="4"/>', $x, $y },
    sub ($x, $y) { sprintf '<rect x="%.1f" y="%.1f" width="7.4" height="7.4"/>',
                           $x - 3.7, $y - 3.7 },
    sub ($x, $y) { sprintf '<path d="M%.1f %.1fl5 8.6h-10z"/>', $x, $y - 5.4 },
    sub ($x, $y) { sprintf '<path d="M%.1f %.1fl5 5-5 5-5-5z"/>', $x, $y - 5 },
    sub ($x, $y) { sprintf '<path d="M%.1f %.1fl5-8.6h-10z"/>', $x, $y + 5.4 },
);


sub escape ($text) {
    my %as = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
    return $text =~ s/([&<>"])/$as{$1}/gr;
}


sub text ($x, $y, $text, $anchor = 'middle', $more = '') {
    return sprintf '<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>' . "\n",
        $x, $y, $anchor, $more && " $more", escape($text);
}


sub stroke ($x1, $y1, $x2, $y2, $colour) {
    return sprintf "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\"/>\n",
        $x1, $y1, $x2, $y2, $colour;
}


# 1,000, 200k and 2.5M: what stands at a tick.

sub short ($v) {
    return sprintf('%g', $v / 1e6) . 'M' if $v >= 1e6;
    return sprintf('%g', $v / 1e3) . 'k' if $v >= 1e5;
    my $text = sprintf $v >= 1000 ? '%.0f' : '%g', $v;
    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    return $text;
}


sub picture ($title, $h, @body) {
    return join '',
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"$width\" ",
        "height=\"$h\" viewBox=\"0 0 $width $h\" role=\"img\" ",
        "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222222\">\n",
        "<title>", escape($title), "</title>\n",
        "<rect width=\"$width\" height=\"$h\" fill=\"#ffffff\"/>\n",
        text($width / 2, 24, $title, 'middle',
             'font-size="15" font-weight="bold"'),
        @body, "</svg>\n";
}


# Where a value stands on its axis, from 0 to 1; the ticks.

sub scale ($axis, @values) {
    return $axis->{log} ? scale_log($axis, @values)
                        : scale_linear($axis, @values);
}


sub scale_linear ($axis, @values) {
    my $most = max(@values) || 1;
    my $ten = 10 ** (floor(log($most) / log(10)) - 1);

    # the first step that needs no more than seven of them

    my ($step) = grep { $most * 1.02 / $_ <= 7 }
                      map { $_ * $ten } 1, 2, 5, 10, 20, 50;
    my $n = ceil($most * 1.02 / $step);

    return { at => sub ($v) { $v / ($n * $step) },
             ticks => [ map { $_ * $step } 0 .. $n ] };
}


sub scale_log ($axis, @values) {
    my ($from, $to) = (log(min(@values)), log(max(@values)));
    my @ticks = @{$axis->{ticks} // []};

    if (!@ticks) {
        for my $power (floor($from / log(10)) .. ceil($to / log(10))) {
            push @ticks, map { $_ * 10 ** $power } 1, 2, 5;
        }
    }

    # the axis ends at ticks

    my @below = grep { log($_) <= $from + 1e-9 } @ticks;
    my @above = grep { log($_) >= $to - 1e-9 } @ticks;

    $from = log($below[-1]) if @below;
    $to = log($above[0]) if @above;
    $to = $from + 1 if $to <= $from;

    return { at => sub ($v) { (log($v) - $from) / ($to - $from) },
             ticks => [ grep { log($_) >= $from - 1e-9
                               && log($_) <= $to + 1e-9 } @ticks ] };
}


sub plot_lines ($plot) {
    my @lines = grep { @{$_->{points}} } @{$plot->{lines}};
    my @points = map { @{$_->{points}} } @lines or return undef;

    # the legend stands above the field, two names in a row

    my $rows = ceil(@lines / 2);
    my $head = $top + 20 * $rows - 8;
    my $h = $height + 20 * $rows - 8;
    my ($w, $base) = ($width - $left - $right, $h - $bottom);

    my $x = scale($plot->{x}, map { $_->[0] } @points);
    my $y = scale($plot->{y}, map { $_->[1] } @points);
    my $px = sub ($v) { $left + $x->{at}->($v) * $w };
    my $py = sub ($v) { $base - $y->{at}->($v) * ($base - $head) };

    return picture($plot->{title}, $h,
        legend($w, map { $_->{name} } @lines),
        axes($plot, $head, $base, $x->{ticks}, $y->{ticks}, $px, $py),
        map { curve($_, $lines[$_]{points}, $px, $py) } 0 .. $#lines);
}


sub legend ($w, @names) {
    return map {
        my ($lx, $ly) = ($left + ($_ % 2) * $w / 2,
                         $top - 6 + 20 * int($_ / 2));
        my $colour = $colours[$_ % @colours];

        ("<g fill=\"$colour\" stroke-width=\"2\">",
         stroke($lx, $ly, $lx + 26, $ly, $colour),
         $marks[$_ % @marks]->($lx + 13, $ly), "</g>\n",
         text($lx + 34, $ly + 4.5, $names[$_], 'start'));
    } 0 .. $#names;
}


sub axes ($plot, $head, $base, $xticks, $yticks, $px, $py) {
    my $end = $width - $right;
    my $middle = ($head + $base) / 2;

    return (
        (map { (stroke($left, $py->($_), $end, $py->($_), '#dddddd'),
                text($left - 8, $py->($_) + 4.5, short($_), 'end')) }
             @$yticks),
        (map { (stroke($px->($_), $head, $px->($_), $base, '#eeeeee'),
                text($px->($_), $base + 19, short($_))) } @$xticks),
        stroke($left, $base, $end, $base, '#222222'),
        stroke($left, $head, $left, $base, '#222222'),
        text(($left + $end) / 2, $base + 44, $plot->{x}{name}),
        text(20, $middle, $plot->{y}{name}, 'middle',
             sprintf('transform="rotate(-90 20 %.1f)"', $middle)),
    );
}


sub curve ($i, $points, $px, $py) {
    my $colour = $colours[$i % @colours];
    my @at = map { [ $px->($_->[0]), $py->($_->[1]) ] } @$points;

    return ("<g fill=\"$colour\">\n",
        sprintf("<path d=\"M%s\" fill=\"none\" stroke=\"%s\" "
                . "stroke-width=\"2\"/>\n",
                join('L', map { sprintf '%.1f %.1f', @$_ } @at), $colour),
        (map { $marks[$i % @marks]->(@$_) . "\n" } @at), "</g>\n");
}


# Groups of horizontal bars, their values beside them.

sub plot_bars ($plot) {
    my @groups = grep { @{$_->{bars}} } @{$plot->{groups}};
    my @bars = map { @{$_->{bars}} } @groups or return undef;

    my $label = 300;
    my $w = $width - $label - 90;
    my $most = max(map { $_->{value} } @bars) || 1;
    my $y = $top - 6;
    my @body;

    for my $g (0 .. $#groups) {
        push @body, text(16, $y + 14, $groups[$g]{name}, 'start',
                         'font-weight="bold"');
        $y += 22;

        for my $bar (@{$groups[$g]{bars}}) {
            my $long = $bar->{value} / $most * $w;

            push @body,
                text($label - 10, $y + 13, $bar->{name}, 'end'),
                sprintf("<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" "
                        . "height=\"16\" fill=\"%s\"/>\n", $label, $y, $long,
                        $colours[$bar->{colour} // 0]),
                text($label + $long + 8, $y + 13,
                     short(sprintf $bar->{value} < 100 ? '%.1f' : '%.0f',
                           $bar->{value}), 'start');
            $y += 21;
        }

        $y += 10;
    }

    push @body, text($label + $w / 2, $y + 12, $plot->{unit});

    return picture($plot->{title}, $y + 28, @body);
}


1;
