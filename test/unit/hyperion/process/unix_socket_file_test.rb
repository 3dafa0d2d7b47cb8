# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/unix_socket_file"

class UnixSocketFileTest < UnitCase
  def test_it_listens_and_is_removed
    socket_file, socket = listen
    UNIXSocket.new(path).close
    socket_file.remove
    refute_path_exists path
    socket.close
  end

  def test_its_mode
    former = File.umask(0o022)
    { 0o660 => 0o660, 0o600 => 0o600, 0o777 => 0o777, nil => 0o755 }.each do |mode, expected|
      socket_file, socket = listen(mode: mode)
      assert_equal expected, File.stat(path).mode & 0o777
      assert_equal 0o022, File.umask
      socket.close
      socket_file.remove
    end
  ensure
    File.umask(former)
  end

  def test_G5_a_dead_socket_is_replaced
    UNIXServer.new(path).close
    _, socket = listen
    UNIXSocket.new(path).close
    socket.close
  end

  def test_G5_a_living_socket_is_left_alone
    UNIXServer.open(path) do |other|
      assert_match(/in use/, refused)
      UNIXSocket.new(path).close
      other.accept.close
    end
  end

  def test_G5_what_is_no_socket_is_left_alone
    file("socket", "precious")
    assert_match(/not a socket/, refused)
    assert_equal "precious", File.read(path)
    File.unlink(path)
    Dir.mkdir(path)
    assert_match(/not a socket/, refused)
  end

  def test_G5_a_link_is_not_followed
    target = file("target", "precious")
    File.symlink(target, path)
    assert_match(/not a socket/, refused)
    File.unlink(path)
    File.symlink("#{dir}/dangling", path)
    assert_match(/not a socket/, refused)
    refute_path_exists "#{dir}/dangling"
  end

  def test_a_directory_that_is_not_there
    error = assert_raises(Hyperion::BindError) { Hyperion::UnixSocketFile.new("#{dir}/none/socket").listen(1) }
    assert_match(%r{none/socket.*directory}, error.message)
  end

  def test_another_server_s_file_is_not_removed
    socket_file, socket = listen
    File.unlink(path)
    UNIXServer.open(path) do
      socket_file.remove
      assert_path_exists path
    end
    socket.close
  end

  def test_a_forked_process_removes_nothing
    socket_file, socket = listen
    forked { socket_file.remove }
    assert_path_exists path
    socket.close
  end

  private

  def path = "#{dir}/socket"

  def listen(mode: nil)
    socket_file = Hyperion::UnixSocketFile.new(path, mode: mode)
    [socket_file, socket_file.listen(8)]
  end

  def refused = assert_raises(Hyperion::BindError) { listen }.message.tap { |message| assert_includes message, path }
end
