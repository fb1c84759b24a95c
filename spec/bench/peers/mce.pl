# Perl's MCE: MCE::Map, whose workers stay between calls. See ../program.lua for
# the protocol.
use strict;
use warnings;
use MCE;
use MCE::Map;
use Time::HiRes qw(time clock);

open(my $out, '>&', \*STDOUT) or die;
open(STDOUT, '>&', \*STDERR) or die;
select((select($out), $| = 1)[0]);

sub seconds {
  my ($call) = @_;
  my $began = time;
  $call->();
  return time - $began;
}

# A call with another block starts other workers, so each kind has its own.
my $same = sub { $_ };
my $burn = sub { my $ends = clock() + $_ / 1000; 1 while clock() < $ends; 1 };

# Runs `body` on two workers that have started, with this chunk size.
sub on_warm {
  my ($chunk, $block, $warmup, $body) = @_;
  MCE::Map->init(max_workers => 2, chunk_size => $chunk);
  MCE::Map->run($block, @$warmup);
  my @answer = $body->();
  MCE::Map->finish;
  return @answer;
}

sub mapped {
  my ($n, $chunk) = @_;
  return on_warm($chunk, $same, [1 .. 100], sub {
    my @results;
    my $took = seconds(sub { @results = MCE::Map->run_seq($same, 1, $n) });
    die "wrong results" unless @results == $n && $results[-1] == $n;
    return $took;
  });
}

sub round_trips {
  my ($n, $data) = @_;
  return on_warm(1, $same, [1 .. 100], sub {
    return seconds(sub {
      for (1 .. $n) {
        my @results = MCE::Map->run($same, [$data]);
        die "wrong result" unless length $results[0] == length $data;
      }
    });
  });
}

sub durations {
  my ($n, $order) = @_;
  return [(1) x $n] unless $order;
  my @list = (0.1) x $n;
  for my $i (1 .. int($n / 100)) {
    my $at = $order eq 'rising' ? $n + 1 - $i : $order eq 'falling' ? $i : $i * 7919 % $n + 1;
    $list[$at - 1] = 10;
  }
  return \@list;
}

my %cases = (
  adaptive => sub { mapped($_[0], 'auto') },
  single => sub { mapped($_[0], 1) },
  apply => sub { round_trips($_[0], 'x') },
  payload => sub { round_trips($_[0], 'x' x $_[1]{size}) },
  ten => sub {
    my ($n) = @_;
    return on_warm('auto', $same, [1 .. 100], sub {
      return seconds(sub { my @results = MCE::Map->run($same, [1 .. 10]) for 1 .. $n });
    });
  },
  start => sub {
    my ($n, $values) = @_;
    my $workers = $values->{workers};
    return seconds(sub {
      for (1 .. $n) {
        MCE::Map->init(max_workers => $workers, chunk_size => 1);
        my @results = MCE::Map->run($same, [1 .. $workers]);
        MCE::Map->finish;
      }
    });
  },
  uneven => sub {
    my ($n, $values) = @_;
    my $list = durations($values->{tasks}, $values->{order});
    return on_warm(1, $burn, [(0.01) x 10], sub {
      my $took = seconds(sub { my @results = MCE::Map->run($burn, $list) });
      my $sum = 0;
      $sum += $_ / 1000 for @$list;
      return ($took, efficiency => $sum / 2 / $took);
    });
  },
);

print $out "MCE $MCE::VERSION, Perl ", sprintf('%vd', $^V), "\n";
print $out "$_\tPerl MCE\n" for sort keys %cases;
print $out "\n";

while (my $line = <STDIN>) {
  chomp $line;
  my ($case, $label, $count, @words) = split /\t/, $line;
  my %values = map { split /=/, $_, 2 } @words;
  my @answer = eval { $cases{$case}->($count, \%values) };
  if ($@) {
    (my $why = $@) =~ s/\s+/ /g;
    print $out "!$why\n";
    next;
  }
  my ($took, %extras) = @answer;
  print $out join("\t", $took, map { "$_=$extras{$_}" } keys %extras), "\n";
}
