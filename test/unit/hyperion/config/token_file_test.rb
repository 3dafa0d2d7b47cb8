# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/token_file"

class TokenFileTest < UnitCase
  def test_a_file_of_its_owner_is_read_without_the_white_space_around
    assert_equal "open sesame", Hyperion::TokenFile.read(secret(" open sesame\n"))
    assert_equal "x", Hyperion::TokenFile.read(secret("x", mode: 0o640)), "a group may be meant to read it"
  end

  def test_a_file_that_is_open_to_everybody_is_refused
    [0o604, 0o602, 0o644, 0o666].each do |mode|
      assert_match(/open to everybody.*chmod 600/, refused(secret("x", mode: mode)))
    end
  end

  def test_a_file_without_a_token_is_refused
    ["", "\n", "a\nb", "caf\u00e9", "\0", "x" * 2000].each { |text| assert_match(/visible ASCII/, refused(secret(text))) }
  end

  def test_what_is_no_file_is_refused
    File.mkfifo("#{dir}/fifo", 0o600)
    Dir.mkdir("#{dir}/folder", 0o700)
    assert_match(/is not a file/, refused("#{dir}/fifo"))
    assert_match(/is not a file/, refused("#{dir}/folder"))
    assert_match(/cannot be read/, refused("#{dir}/nothing"))
  end

  def test_no_message_shows_the_token
    refute_match(/sesame/, refused(secret("sesame\nsesame")))
  end

  private

  def secret(text, mode: 0o600) = file("token", text).tap { |path| File.chmod(mode, path) }

  def refused(path) = assert_raises(Hyperion::Kinds::Invalid) { Hyperion::TokenFile.read(path) }.message
end
