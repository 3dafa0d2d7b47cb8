# frozen_string_literal: true

require "minitest/autorun"
require "support/raw_client"
require_relative "../../script/support/soak/census"
require_relative "../../script/support/soak/ledger"
require_relative "../../script/support/soak/verdict"

# What script/soak calls a fault: by its samples, and by its ledger.
class SoakVerdictTest < Minitest::Test
  include Soak

  Client = Struct.new(:port, :opened_at)

  def test_the_same_numbers_are_well
    assert_empty faults(sample(0), sample(100), sample(200))
  end

  def test_one_more_descriptor_or_thread_is_a_fault_of_master_and_elder
    %w[master elder].product(%i[descriptors threads]).each do |role, kind|
      found = faults(sample(0), sample(100), sample(200) { |counts| counts[role][kind] += 1 })
      assert_equal 1, found.size
      assert_match(/\A#{kind}: #{role} \d+, in the end #{role} \d+/, found.first)
    end
  end

  def test_a_younger_worker_may_have_less_than_the_elder_and_no_more
    assert_empty faults(sample(0), sample(100), sample(200) { |counts| counts["younger"].descriptors -= 1 })
    assert_match(/\Athreads: elder 13, in the end younger 14/, faults(sample(0), sample(100), sample(200) { |counts| counts["younger"].threads += 1 }).first)
  end

  def test_memory_may_grow_by_a_bound_and_no_more
    bound = Verdict::GROWTH_KB
    assert_empty faults(sample(0), sample(100), sample(200) { |counts| counts["elder"].kept_kb += bound })
    found = faults(sample(0), sample(100), sample(200) { |counts| counts["elder"].kept_kb += bound + 1 })
    assert_equal ["memory of the elder grew from 40000 to #{40_001 + bound} KiB"], found
  end

  def test_what_the_warm_up_takes_does_not_count
    assert_empty faults(sample(0) { |counts| counts["elder"].descriptors -= 5 }, sample(100), sample(200))
  end

  def test_two_samples_are_needed
    assert_match(/too few to tell/, faults(sample(100)).first)
  end

  def test_an_elder_that_was_replaced_a_process_that_is_left_and_a_worker_that_is_missing_are_faults
    assert_match(/elder of the first sample is missing/, faults(sample(100), sample(200) { |counts| counts["elder"].pid += 1 }).first)
    assert_equal ["the younger worker is missing"], faults(sample(100), sample(200) { |counts| counts.delete("younger") })
    assert_equal ["processes are left: 77"], faults(sample(100), sample(200).tap { |last| last.strays << 77 })
  end

  def test_failures_complaints_and_lines_of_the_server_are_faults
    samples = [sample(100), sample(200)]
    assert_equal ["lost or wrong: it"], Verdict.new(samples, failures: ["it"]).faults
    assert_equal ["it"], Verdict.new(samples, complaints: ["it"]).faults
    assert_equal ["the server said: a thread panicked"], Verdict.new(samples, log: "fine\na thread panicked\n").faults
  end

  def test_only_what_a_killed_worker_held_is_excused
    client = Client.new(1000, now)
    ledger = Ledger.new
    ledger.kill([1000])
    lose(ledger, client)
    lose(ledger, Client.new(1001, now))
    lose(ledger, Client.new(1000, now + 1))
    lose(ledger, client, Ledger::Wrong)
    assert_equal [[1], [2, 3, 4]], [ledger.killed.map(&:id), ledger.failures.map(&:id)]
  end

  def test_only_while_a_worker_ends_may_others_be_told_to_come_back
    ledger = Ledger.new
    lose(ledger, Client.new(1, now), Ledger::Deferred)
    ledger.end_worker
    lose(ledger, Client.new(1, now), Ledger::Deferred)
    assert_equal [[1], [2]], [ledger.failures.map(&:id), ledger.deferred.map(&:id)]
  end

  def test_what_the_app_is_to_note_is_awaited_once
    ledger = Ledger.new
    3.times { ledger.ask("kind", Client.new(1, now), notes: "closed") { |_| nil } }
    assert_equal ["the app noted \"closed 1\" 2 times", "the app never noted \"closed 3\" (kind)"],
                 ledger.compare(["closed 1\n", "closed 2\n", "closed 1\n"])
  end

  private

  def faults(*samples) = Verdict.new(samples).faults

  # @yield [Hash{String=>Census::Count}]
  def sample(at)
    counts = %w[master elder younger].each_with_index.to_h do |role, index|
      [role, Census::Count.new(role: role, pid: index + 1, descriptors: 30, threads: 13, rss_kb: 60_000, kept_kb: 40_000, kinds: {})]
    end
    yield counts if block_given?
    Census::Sample.new(at: at, counts: counts.values, strays: [])
  end

  def lose(ledger, client, error = HyperionTest::RawClient::Ended)
    assert_raises(Ledger::Over) { ledger.ask("kind", client) { |_| raise error.instance_method(:initialize).arity == 2 ? error.new("", "") : error } }
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
