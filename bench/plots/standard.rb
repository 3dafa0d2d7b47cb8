# frozen_string_literal: true

module Bench
  # The plots that many rows have.
  module Plots
    US_PER_MS = 1000

    module_function

    def rate(title, unit, divisor: 1) = Bars.new(title, unit, { "median" => :rps }, divisor: divisor)

    # @param keys [Hash{String=>Symbol}] of microseconds by their names
    def latency(title, keys, written: "p99") = Dots.new(title, "ms", keys, written: written, divisor: US_PER_MS, digits: 2)

    def quantiles(title, key, rank) = Quantiles.new(title, "ms", key, rank: rank, divisor: US_PER_MS)

    THROUGHPUT = rate("Throughput", "requests per second")
    CPU = Bars.new("CPU", "seconds for 100,000 requests", { "user" => :user_per_100k, "sys" => :sys_per_100k }, total: :cpu_per_100k, digits: 2)
    LATENCY = latency("Latency", { "p50" => :p50_us, "p90" => :p90_us, "p99" => :p99_us, "p99.9" => :p999_us, "max" => :max_us })
    QUANTILES = quantiles("Latency by quantile", :histogram, :p99_us)
    MEMORY = Bars.new("Memory", "MiB", { "after the load" => :memory_kib }, beyond: { "(peak)" => :peak_kib },
      pick: :max, divisor: Columns::KIB_PER_MIB, digits: 1)

    COST = [CPU, MEMORY].freeze
    STANDARD = [THROUGHPUT, CPU, LATENCY, QUANTILES, MEMORY].freeze
  end
end
