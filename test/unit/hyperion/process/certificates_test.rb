# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/bind"
require "hyperion/process/certificates"

class CertificatesTest < UnitCase
  DAY_S = 24 * 3600

  # Certificates that are what a test says.
  class Fake
    attr_accessor :stale, :broken, :expires_at
    attr_reader :readings

    def initialize(settings)
      @names = settings[:certificates].map { |pair| pair[:cert] }
      raise Hyperion::Error, "#{@names.first}: no certificate in it" if @names.first.to_s.include?("bad")

      @expires_at = Time.now.to_f + 90 * DAY_S
      @readings = 0
    end

    def subjects = @names
    def stale? = @stale

    def reload
      @readings += 1
      @stale = false
      raise Hyperion::Error, @broken if @broken
    end
  end

  # Remembers its lines.
  class Lines
    attr_reader :all

    def initialize = @all = []
    %i[info warn error].each { |level| define_method(level) { |message, **fields| @all << [level, message, fields] } }
    def levels = @all.map(&:first)
  end

  def setup = @log = Lines.new

  def test_addresses_with_the_same_settings_share_them
    made = certificates("ssl://h:1?cert=/a&key=/b", "ssl://h:2?cert=/a&key=/b", "ssl://h:3?cert=/c&key=/d", "tcp://h:4")
    assert_same made.for(@binds[0]), made.for(@binds[1])
    refute_same made.for(@binds[0]), made.for(@binds[2])
    assert_nil made.for(@binds[3])
  end

  def test_plain_text_needs_no_library
    refute_predicate Hyperion::Certificates.new([Hyperion::Bind.parse("h:1").with_tls(nil)], maker: nil), :any?
  end

  def test_all_that_is_no_good_is_told_at_once
    told = problems { certificates("ssl://h:1?cert=/bad1&key=/b", "ssl://h:2?cert=/bad2&key=/b", "ssl://h:3?cert=/c&key=/b") }
    assert_equal ["ssl://h:1: /bad1: no certificate in it", "ssl://h:2: /bad2: no certificate in it"], told
  end

  def test_what_is_used_is_told_once
    made = certificates("ssl://h:1?cert=/a&key=/b&cert=/c&key=/d", "ssl://h:2?cert=/a&key=/b&cert=/c&key=/d")
    made.log_all(@log)
    (level, message, fields), = @log.all
    assert_equal [1, :info, "TLS certificates", "/a, /c"], [@log.all.size, level, message, fields[:subjects]]
    assert_match(/\A\d{4}-\d\d-\d\dT[\d:]+Z\z/, fields[:expires])
    assert_match(%r{\A/a, /c, until \d{4}-}, made.facts.first)
  end

  def test_the_end_of_a_certificate_is_warned_of
    made = one("ssl://h:1?cert=/a&key=/b")
    { 15 => nil, 13 => /\Athe TLS certificate for \/a expires at \d{4}-/, -1 => /has expired at/ }.each do |days, warning|
      @tls.expires_at = Time.now.to_f + days * DAY_S
      warning ? assert_match(warning, made.warnings.first) : assert_empty(made.warnings)
    end
    made.reload(@log)
    assert_equal %i[info warn], @log.levels
    @tls.expires_at = nil
    assert_empty made.warnings
  end

  def test_files_are_looked_at_now_and_then
    made = one("ssl://h:1?cert=/a&key=/b")
    made.look(@log, 100.0)
    @tls.stale = true
    made.look(@log, 101.9)
    assert_equal 0, @tls.readings
    2.times { |i| made.look(@log, 102.0 + i * 2) }
    assert_equal [1, ["TLS certificates read again"]], [@tls.readings, @log.all.map { |line| line[1] }]
  end

  def test_what_is_no_good_is_told_once
    made = one("ssl://h:1?cert=/a&key=/b")
    @tls.stale = true
    @tls.broken = "/a: no certificate in it"
    3.times { |i| made.look(@log, 100.0 + i * 2) }
    assert_equal [[:error, "TLS certificates stay as they were: /a: no certificate in it", { pid: Process.pid }]], @log.all
  end

  def test_a_master_reads_in_silence
    made = one("ssl://h:1?cert=/a&key=/b")
    @tls.stale = true
    made.look
    @tls.stale = @tls.broken = "no"
    made.look(nil, Process.clock_gettime(Process::CLOCK_MONOTONIC) + 3)
    assert_equal 2, @tls.readings
  end

  def test_a_certificate_in_memory_is_made_once
    bind = Hyperion::Bind.parse("h:1").with_tls({ certificates: [], self_signed: %w[h] })
    made = Hyperion::Certificates.new([bind], maker: Fake)
    2.times { made.reload(@log) }
    assert_equal 0, made.for(bind).readings
    made.for(bind).stale = true
    made.reload(@log)
    assert_equal 1, made.for(bind).readings
  end

  private

  def certificates(*texts)
    @binds = configure(*texts.flat_map { |text| ["-b", text] }).bind
    Hyperion::Certificates.new(@binds, maker: Fake)
  end

  def one(text) = certificates(text).tap { |made| @tls = made.for(@binds.first) }
end
