# frozen_string_literal: true

require_relative "scheduler_case"
require "net/http"
require "open3"
require "openssl"
require "resolv"
require "socket"
require "tempfile"
require "timeout"
require "tmpdir"

# What fibers of a thread wait for, each beside another that goes on meanwhile.
class SchedulerTest < HyperionTest::SchedulerCase
  def test_sleep
    assert_includes [0, 1], waits_alone { sleep(MOMENT_S) }, "whole seconds, of which one may begin meanwhile"
    assert_raises(ArgumentError) { waits_alone { sleep(-1) } }
    assert_raises(TypeError) { waits_alone { sleep("1") } }
  end

  def test_many_sleepers_wake_in_the_order_of_their_times
    woken = []
    scheduled { [3, 1, 2].each { |n| Fiber.schedule { sleep(n * MOMENT_S) && woken << n } } }
    assert_equal [1, 2, 3], woken
  end

  def test_a_queue_and_a_thread_that_fills_it
    assert_equal :work, waits_alone {
      queue = Thread::Queue.new
      Thread.new { sleep(MOMENT_S) && queue << :work }
      queue.pop
    }
  end

  def test_a_sized_queue_that_is_full
    assert_equal [1, 2, 3], waits_alone {
      queue = Thread::SizedQueue.new(1)
      Fiber.schedule { 3.times { |n| queue << n + 1 } }
      Array.new(3) { sleep(MOMENT_S) && queue.pop }
    }
  end

  def test_a_mutex_that_a_thread_holds
    assert_equal :mine, waits_alone {
      mutex = Thread::Mutex.new
      held = Thread::Queue.new
      Thread.new { mutex.synchronize { held << true && sleep(MOMENT_S) } }
      held.pop
      mutex.synchronize { :mine }
    }
  end

  def test_a_condition_variable
    assert_equal :told, waits_alone {
      mutex, changed, told = Thread::Mutex.new, Thread::ConditionVariable.new, false
      Thread.new { sleep(MOMENT_S) && mutex.synchronize { (told = true) && changed.signal } }
      mutex.synchronize { changed.wait(mutex) until told }
      :told
    }
  end

  def test_a_condition_variable_that_nobody_signals_in_time
    scheduled do
      Fiber.schedule do
        mutex = Thread::Mutex.new
        mutex.synchronize do
          Thread::ConditionVariable.new.wait(mutex, MOMENT_S)
          assert_predicate mutex, :owned?
        end
      end
    end
  end

  def test_the_end_and_the_value_of_a_thread
    assert_equal 42, waits_alone { Thread.new { sleep(MOMENT_S) && 42 }.value }
    assert_raises(KeyError) { waits_alone { Thread.new { raise KeyError }.tap { |thread| thread.report_on_exception = false }.join } }
    assert_nil waits_alone { Thread.new { sleep }.join(MOMENT_S) } if RUBY_VERSION >= "3.2" # Older ones join for ever.
  end

  def test_pipes
    assert_equal "all of it", waits_alone {
      reader, writer = IO.pipe
      Fiber.schedule { %w[all of it].each { |word| sleep(MOMENT_S) && writer.write(word, word == "it" ? "" : " ") } && writer.close }
      reader.read
    }
  end

  def test_a_pipe_that_is_full
    bytes = "x" * 1_000_000
    read = waits_alone do
      reader, writer = IO.pipe
      Fiber.schedule { writer.write(bytes) && writer.close }
      sleep(MOMENT_S)
      reader.read
    end
    assert_equal bytes, read
  end

  def test_tcp_and_unix_sockets
    [-> { TCPServer.new("127.0.0.1", 0) }, -> { UNIXServer.new("#{Dir.mktmpdir}/socket") }].each do |listen|
      answer = waits_alone do
        server = listen.call
        Fiber.schedule do
          client = server.accept
          line = client.gets
          sleep(MOMENT_S)
          client.write("you said #{line}")
          client.close
        end
        client = server.is_a?(UNIXServer) ? UNIXSocket.new(server.path) : TCPSocket.new("127.0.0.1", server.addr[1])
        client.puts("hello")
        client.read
      end
      assert_equal "you said hello\n", answer
    end
  end

  def test_a_socket_that_one_fiber_reads_and_another_writes
    assert_equal 200, waits_alone {
      one, other = UNIXSocket.pair
      Fiber.schedule { 200.times { |n| other.puts(other.gets.to_i == n) } }
      lines = Thread::Queue.new
      Fiber.schedule { 200.times { lines << one.gets } }
      200.times { |n| one.puts(n) }
      sleep(MOMENT_S)
      Array.new(200) { lines.pop }.count("true\n")
    }
  end

  def test_wait_readable_in_time_or_not
    assert_equal [nil, true], waits_alone {
      reader, writer = IO.pipe
      early = reader.wait_readable(MOMENT_S)
      writer.write("x")
      [early, reader.wait_readable(1) == reader]
    }
  end

  def test_what_is_there_already_needs_no_time
    assert_equal [true, true], waits_alone {
      reader, writer = IO.pipe
      writer.write("x")
      sleep(MOMENT_S)
      [reader.wait_readable(0) == reader, !reader.wait(0).nil?]
    }
  end

  def test_net_http_and_openssl
    key = OpenSSL::PKey::EC.generate("prime256v1")
    certificate = OpenSSL::X509::Certificate.new
    certificate.public_key = key
    certificate.not_before, certificate.not_after = Time.now - 60, Time.now + 60
    certificate.sign(key, "SHA256")
    body = waits_alone do
      tcp = TCPServer.new("127.0.0.1", 0)
      context = OpenSSL::SSL::SSLContext.new
      context.add_certificate(certificate, key)
      Fiber.schedule do
        client = OpenSSL::SSL::SSLServer.new(tcp, context).accept
        nil until client.gets == "\r\n"
        sleep(MOMENT_S)
        client.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret")
        client.close
      end
      Net::HTTP.start("127.0.0.1", tcp.addr[1], use_ssl: true, verify_mode: OpenSSL::SSL::VERIFY_NONE) { |http| http.get("/").body }
    end
    assert_equal "secret", body
  end

  def test_names
    scheduled do
      Fiber.schedule { assert_includes Addrinfo.getaddrinfo("localhost", 80, nil, :STREAM).map(&:ip_address), "127.0.0.1" }
      Fiber.schedule { assert_includes Resolv.getaddresses("localhost"), "127.0.0.1" }
      Fiber.schedule { assert_raises(SocketError) { Addrinfo.getaddrinfo("nowhere.invalid", 80) } }
    end
  end

  def test_time_outs
    assert_equal :late, waits_alone {
      begin
        Timeout.timeout(MOMENT_S) { sleep }
      rescue Timeout::Error
        :late
      end
    }
    assert_equal [:late, :in_time], waits_alone {
      [begin
        Timeout.timeout(MOMENT_S, KeyError) { Thread::Queue.new.pop }
      rescue KeyError
        :late
      end, Timeout.timeout(5) { sleep(MOMENT_S) && :in_time }]
    }
  end

  def test_a_time_out_of_a_fiber_whose_wait_is_over_already
    ended = []
    scheduled do
      100.times do |n|
        Fiber.schedule do
          Timeout.timeout(MOMENT_S) { sleep(MOMENT_S) }
          ended << n
        rescue Timeout::Error
          ended << n
        end
      end
      Fiber.schedule { sleep(MOMENT_S * 3) }
    end
    assert_equal (0..99).to_a, ended.sort
  end

  def test_processes
    assert_equal ["out\n", 3], waits_alone { [`sleep 0.02; echo out`, Process.wait2(spawn("sleep 0.02; exit 3")).last.exitstatus] }
    assert_equal ["up\n", "", 0], waits_alone { Open3.capture3("sleep 0.02; tr a-z A-Z | tr A-Z a-z", stdin_data: "up\n").then { |out, error, status| [out, error, status.exitstatus] } }
    assert_equal true, waits_alone { system("sleep 0.02") }
  end

  def test_processes_that_are_waited_for_in_vain_hold_no_thread
    assert_equal "answered\n", waits_alone {
      pids = Array.new(40) { spawn("sleep 5") }
      pids.each { |pid| assert_raises(Timeout::Error) { Timeout.timeout(0.001) { Process.wait(pid) } } }
      20.times { assert_raises(Timeout::Error) { Timeout.timeout(0.001) { Process.wait } } }
      `echo answered`.tap { pids.each { |pid| Process.kill(:KILL, pid) } }
    }
  end

  def test_io_select
    skip "IO.select calls no hook before Ruby 3.2, and blocks its thread" if RUBY_VERSION < "3.2"
    assert_equal 1, waits_alone {
      reader, writer = IO.pipe
      Fiber.schedule { sleep(MOMENT_S) && writer.write("x") }
      IO.select([reader]).first.size
    }
    assert_nil waits_alone { IO.select([IO.pipe.first], nil, nil, MOMENT_S) }
    assert_equal ["b", 1], waits_alone {
      reader, writer = IO.pipe
      writer.write("ab")
      reader.getc
      [IO.select([reader], nil, nil, 5).first.first.getc, IO.select([reader], [writer], nil, 5)[1].size].tap { sleep(MOMENT_S) }
    }
  end

  def test_files
    Tempfile.create("scheduler") do |file|
      bytes = "0123456789" * 300_000
      scheduled do
        Fiber.schedule do
          File.write(file.path, bytes)
          assert_equal bytes, File.read(file.path)
          assert_equal "456", File.open(file.path) { |io| io.pread(3, 4) }
          File.open(file.path, "r+") { |io| io.pwrite("abc", 2) }
          assert_equal "01abc5", File.open(file.path) { |io| io.read(6) }
          assert_equal bytes.bytesize, File.size(file.path)
          assert_equal 300_000, File.open(file.path, &:read).count("9")
        end
      end
    end
  end

  def test_a_stream_that_is_closed_while_a_fiber_reads
    skip "Ruby tells nobody before 4.0" if RUBY_VERSION < "4.0"
    scheduled do
      reader, = IO.pipe
      Fiber.schedule { assert_raises(IOError) { reader.read(1) } }
      Fiber.schedule { sleep(MOMENT_S) && reader.close }
    end
  end
end
