# frozen_string_literal: true

require_relative "process_case"
require "support/thread_states"

# Connections that a worker was given, or that the kernel has told it alone of, before anybody knows that it does
# not serve any more. The master is stopped meanwhile, so that they are all on their way when it finds out.
class StrandedTest < HyperionTest::ProcessCase
  CLIENTS = 24

  { "reuseport" => ["--worker-model", "reuseport"], "share" => ["--worker-model", "share"], "unix" => [] }.each do |where, model|
    %w[epoll io_uring].each do |driver|
      %i[STOP KILL].each do |signal|
        define_method("test_G3_nobody_waits_for_a_worker_that_got_#{signal}_#{where}_#{driver}") do
          cluster = boot_hanging(where, *model, "--io", driver)
          Process.kill(:STOP, cluster.pid)
          worker = cluster.worker_pids.max
          Process.kill(signal, worker)
          eventually { HyperionTest::ThreadStates.of(worker).all? { |state| %w[T Z].include?(state) } }
          clients = Array.new(CLIENTS) { connect(cluster, timeout: 4).request("GET", "/pid") }
          clients.first.silent?(0.2) # So that all is on its way.
          Process.kill(:CONT, cluster.pid)
          assert_equal [200], clients.map { |client| client.response.status }.uniq
          File.unlink("#{dir}/hang")
        end
      end
    end
  end

  private

  # None follows, so nobody but the other one can answer.
  def boot_hanging(where, *flags)
    hook = file("hyperion.rb", "on_worker_boot { sleep(0.05) while File.exist?(#{"#{dir}/hang".inspect}) }\n")
    bind = where == "unix" ? { bind: false } : {}
    flags += ["-b", "unix://#{dir}/sock"] if where == "unix"
    cluster = boot(BASIC, "-w", "2", "-C", hook, *flags, **bind)
    file("hang", "")
    cluster
  end
end
