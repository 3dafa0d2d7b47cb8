# frozen_string_literal: true

require "minitest/autorun"
require "stringio"
require "tmpdir"
require_relative "../../bench/bench"

module BenchTest
  # What single rows make of their samples, and the files they serve.
  class BenchRowsTest < Minitest::Test
    SETTINGS = Bench::Settings.new([])

    def soak = Bench::Soak.new(SETTINGS)

    # @return [Array<Hash>] samples with these values of one key
    def samples(values, key)
      values.map { |value| { memory_kib: 1000, p99_us: 10.0, descriptors: 20, requests: 1, seconds: 1.0, errors: 0, key => value } }
    end

    def test_a_soak_compares_its_last_third_with_its_first_behind_the_warm_up
      growth = [500, 1000, 1000, 1000, 1040, 1040, 1040, 1100, 1100, 1100]
      assert_in_delta 0.1, soak.changes(samples(growth, :memory_kib))[:drift]
      assert_in_delta 2.0, soak.changes(samples([9, 10, 10, 10, 15, 15, 15, 20, 20, 20], :p99_us))[:p99_growth]
      assert_equal 3, soak.changes(samples([1, 20, 20, 20, 21, 21, 21, 22, 23, 23], :descriptors))[:more_descriptors]
    end

    def test_a_soak_without_change_is_stable_even_if_it_is_short
      assert_equal({ drift: 0.0, p99_growth: 1.0, more_descriptors: 0 }, soak.changes(samples([1000], :memory_kib)))
    end

    def test_a_soak_tells_all_that_is_not_stable
      cell = Bench::Cell.new(soak, soak.cases.first, Bench::Server.new(SETTINGS))
      run = { requests: 10, seconds: 1.0, errors: 2, cpu_user_s: 0.1, cpu_sys_s: 0.1, samples: samples([1000] * 3, :memory_kib) }
      cell.add(**run, drift: 0.06, more_descriptors: 1, p99_growth: 2.0)
      verdict = soak.verdicts([cell]).first
      ["not stable", "2 errors", "memory grew by 6 %", "1 more descriptors", "p99 grew 2.00 times"].each { |part| assert_includes verdict, part }
      cell.runs.first.update(errors: 0, drift: 0.01, more_descriptors: 0, p99_growth: 1.0)
      assert_match(/: stable\z/, soak.verdicts([cell]).first)
    end

    def test_assets_have_their_size_and_are_made_again_when_they_are_wrong
      Bench::Assets.make
      path = "#{Bench::Assets::FOLDER}/1k.txt"
      File.write(path, "short")
      Bench::Assets.make
      Bench::Assets::SIZES.each { |name, size| assert_equal size, File.size("#{Bench::Assets::FOLDER}/#{name}"), name }
      assert_equal Bench::Assets.content("1k.txt"), File.binread(path)
    end

    def test_rows_of_files_ask_for_the_file_that_they_expect
      Bench::Files.new(SETTINGS).cases.each do |kase|
        assert_equal Bench::Assets.content(kase.app.target.delete_prefix("/")), kase.app.body
        assert_equal kase.app.body.bytesize.to_s, kase.app.headers["content-length"]
      end
    end

    def test_nginx_is_told_port_and_folder
      server = Bench::Nginx.new(SETTINGS)
      plain, secure = [Bench::Native, Bench::H2].map do |row|
        File.read(server.command(row.new(SETTINGS).cases.first, 4711).last)
      end
      assert_match(/listen 127.0.0.1:4711 [^;]*ssl http2;/, secure)
      assert_includes secure, "ssl_certificate_key #{Bench::TlsCertificate::KEY};"
      text = plain
      assert_includes text, "listen 127.0.0.1:4711"
      refute_includes text, "ssl"
      assert_includes text, "root #{Bench::Assets::FOLDER};"
    end

    H2LOAD = <<~TEXT
      finished in 404.63ms, 123569.38 req/s, 5.42MB/s
      requests: 50000 total, 50000 started, 50000 done, 49997 succeeded, 1 failed, 2 errored, 0 timeout
    TEXT

    def test_what_h2load_prints
      assert_equal({ requests: 49_997, seconds: 0.40463, errors: 3 }, Bench::H2load.parse(H2LOAD))
      lines = (0..1000).map { |time| "1795487641232624\t200\t#{time * 10}\n" }.reverse
      expected = { p50_us: 5000.0, p90_us: 9000.0, p99_us: 9900.0, p999_us: 9990.0, max_us: 10_000.0 }
      assert_equal expected, Bench::H2load.latency(StringIO.new(lines.join))
      assert_match(/h2load said: no such host/, assert_raises(Bench::Failure) { Bench::H2load.parse("no such host") }.message)
    end

    def test_what_s_time_prints
      assert_equal 2721, Bench::Handshakes.parse("rrr\n2721 connections in 1.41s; 1929.79 connections/user sec\n2721 connections in 3 real seconds, 141 bytes\n")
      assert_raises(Bench::Failure) { Bench::Handshakes.parse("connect: refused") }
    end

    def test_calls_of_grpc_are_tried_before_they_are_timed
      Bench::Grpc.new(SETTINGS).cases.each do |kase|
        assert_equal 0, kase.app.body.bytesize % Bench::Grpc::MESSAGE.bytesize
        assert_equal [0, Bench::Grpc::MESSAGE.bytesize - 5], kase.app.body.unpack("CN")
      end
    end
  end
end
