# frozen_string_literal: true

require "time"
require_relative "../error"
require_relative "engine_runner"

module Hyperion
  # The certificates of all addresses that speak TLS. Read before any fork, so that workers share the
  # secret of their session tickets; each process reads changed files again by itself.
  class Certificates
    # So often files are looked at.
    LOOK_S = 2
    # Before its end a certificate is warned of.
    SOON_S = 14 * 24 * 3600

    # @param binds [Array<Bind>]
    # @param maker [#new, nil] other than the native class, for tests
    # @raise [ConfigurationError] with a line for each address whose files are no good
    def initialize(binds, maker: nil)
      secure = binds.select(&:tls)
      maker ||= native unless secure.empty?
      problems = []
      @by_settings = secure.uniq(&:tls).to_h { |bind| [bind.tls, make(maker, bind, problems)] }
      raise ConfigurationError, problems.uniq unless problems.empty?
    end

    # @return [Boolean] whether there is one
    def any? = !@by_settings.empty?

    # @param bind [Bind]
    # @return [Tls, nil] nil for plain text
    def for(bind) = @by_settings[bind.tls]

    # @return [Array<String>] names and expiry of the certificates, a line for those of one address
    def facts = @by_settings.each_value.map { |tls| "#{tls.subjects.join(", ")}#{expiry(tls)&.then { |time| ", until #{time.iso8601}" }}" }

    # @return [Array<String>] certificates that are about to expire, or have
    def warnings(some = @by_settings.values)
      some.filter_map do |tls|
        now = Time.now
        time = expiry(tls)
        next unless time && time - now < SOON_S

        which = tls.subjects.size > 1 ? "one of the TLS certificates for" : "the TLS certificate for"
        "#{which} #{tls.subjects.join(", ")} #{time < now ? "has expired" : "expires"} at #{time.iso8601}"
      end
    end

    # Says what is used.
    # @param log [Log]
    def log_all(log)
      @by_settings.each_value { |tls| log.info("TLS certificates", **fields(tls)) }
      warnings.each { |warning| log.warn(warning) }
    end

    # Reads all files again. Certificates made in memory stay: nothing about them can have changed, and
    # workers would no longer have the same.
    # @param log [Log, nil] hears of each, and of the one that stays because the files are no good
    def reload(log)
      @by_settings.each { |settings, tls| read_again(tls, log) if settings[:self_signed].nil? || tls.stale? }
    end

    # Reads again what has changed, looking not more often than every LOOK_S.
    # @param log [Log, nil] as of `reload`
    def look(log = nil, now = Process.clock_gettime(Process::CLOCK_MONOTONIC))
      return if @looked_at && now - @looked_at < LOOK_S

      @looked_at = now
      @by_settings.each_value { |tls| read_again(tls, log) if tls.stale? }
    end

    private

    def native
      EngineRunner.engine_class
      Tls
    end

    def make(maker, bind, problems)
      maker.new(bind.tls)
    rescue Error => e
      problems << "#{bind.address}: #{e.message}"
      nil
    end

    def read_again(tls, log)
      tls.reload
      log&.info("TLS certificates read again", **fields(tls))
      warnings([tls]).each { |warning| log&.warn(warning) }
    rescue Error => e
      log&.error("TLS certificates stay as they were: #{e.message}", pid: Process.pid)
    end

    def fields(tls) = { subjects: tls.subjects.join(", "), expires: expiry(tls)&.iso8601, pid: Process.pid }.compact

    def expiry(tls) = tls.expires_at&.then { |seconds| Time.at(seconds).utc.round }
  end
end
