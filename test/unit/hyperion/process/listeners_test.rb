# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/bind"
require "hyperion/process/listeners"

class ListenersTest < UnitCase
  def teardown
    @all&.each { |listeners| listeners.close && listeners.remove_files }
    super
  end

  def test_port_zero_becomes_a_port
    listeners = listen("127.0.0.1:0")
    assert_operator listeners.port, :>, 1023
    assert_equal ["http://127.0.0.1:#{listeners.port}"], listeners.urls
    assert_reachable "127.0.0.1", listeners.port
  end

  def test_a_shared_socket_is_the_same_for_all_slots
    listeners = listen("127.0.0.1:0", slots: 3)
    assert_equal 1, (0..2).flat_map { |slot| listeners.for_slot(slot) }.uniq.size
  end

  def test_each_slot_has_a_socket_of_its_own_with_reuseport
    listeners = listen("127.0.0.1:0", slots: 3, reuseport: true)
    sockets = (0..2).flat_map { |slot| listeners.for_slot(slot) }
    assert_equal [3, [listeners.port]], [sockets.uniq.size, sockets.map { |socket| socket.local_address.ip_port }.uniq]
  end

  def test_each_socket_knows_what_it_was_opened_for
    listeners = listen("tcp://localhost:0", "ssl://127.0.0.1:0", slots: 2, reuseport: true)
    by_bind = listeners.binds_for_slot(1)
    assert_equal listeners.for_slot(1), by_bind.keys
    assert_equal ["ssl://127.0.0.1:0", ["tcp://localhost:0"]], [by_bind.values.last.to_s, by_bind.values[0..-2].map(&:to_s).uniq]
    assert_match(%r{\Ahttps://127\.0\.0\.1:\d+\z}, listeners.urls.last)
  end

  def test_others_have_sockets_of_their_own_where_the_model_is_reuseport
    listeners = listen("127.0.0.1:0", slots: 3, reuseport: true)
    assert_equal({ 0 => listeners.for_slot(0), 2 => listeners.for_slot(2) }, listeners.others(1))
    listeners.for_slot(0).each(&:close)
    assert_equal [2], listeners.others(1).keys
    shared = listen("127.0.0.1:0", slots: 2)
    assert_equal({ 0 => shared.for_slot(1) }, shared.others(1))
  end

  def test_both_families
    listeners = listen("[::]:0")
    assert_reachable "127.0.0.1", listeners.port
    assert_reachable "::1", listeners.port
  end

  def test_a_name_with_several_addresses_has_one_port
    listeners = listen("localhost:0", slots: 2, reuseport: true)
    ports = [0, 1].flat_map { |slot| listeners.for_slot(slot) }.map { |socket| socket.local_address.ip_port }
    assert_equal [listeners.port], ports.uniq
    assert_reachable "127.0.0.1", listeners.port
  end

  def test_a_port_in_use_is_told_in_every_model
    port = listen("127.0.0.1:0", slots: 2, reuseport: true).port
    [{}, { slots: 2 }, { slots: 2, reuseport: true }].each do |model|
      error = assert_raises(Hyperion::BindError, model.inspect) { listen("127.0.0.1:#{port}", **model) }
      assert_match(/127\.0\.0\.1:#{port}.* in use/, error.message)
    end
  end

  def test_addresses_that_cannot_be
    assert_match(/192\.0\.2\.1/, assert_raises(Hyperion::BindError) { listen("192.0.2.1:0") }.message)
    assert_match(/nowhere\.invalid/, assert_raises(Hyperion::BindError) { listen("nowhere.invalid:0") }.message)
  end

  def test_one_bad_bind_leaves_nothing_open
    port = listen("127.0.0.1:0").port
    before = Dir.children("/proc/self/fd").size
    assert_raises(Hyperion::BindError) { listen("127.0.0.1:0", "unix://#{dir}/a", "127.0.0.1:#{port}") }
    GC.start
    assert_operator Dir.children("/proc/self/fd").size, :<=, before
    refute_path_exists "#{dir}/a"
  end

  def test_unix_sockets_are_shared_by_all_slots
    listeners = listen("unix://#{dir}/a", slots: 2, reuseport: true)
    assert_equal [["unix://#{dir}/a"], nil], [listeners.urls, listeners.port]
    assert_same listeners.for_slot(0).first, listeners.for_slot(1).first
  end

  private

  def listen(*texts, **model)
    binds = texts.map { |text| Hyperion::Bind.parse(text) }
    Hyperion::Listeners.new(binds, **model).tap { |listeners| (@all ||= []) << listeners }
  end

  def assert_reachable(host, port) = TCPSocket.new(host, port).close
end
