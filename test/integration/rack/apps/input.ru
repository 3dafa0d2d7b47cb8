# frozen_string_literal: true

require "json"

# Runs the calls listed in `x-calls` (JSON: [["read", 5], ["gets"], …]) on rack.input and answers with the results.
module Calls
  module_function

  def run(input, calls)
    calls.map do |name, *arguments|
      value = public_send(name, input, *arguments)
      value.is_a?(String) ? [value.encoding.name, value.b] : value
    rescue StandardError => error
      { error: error.class.name }
    end
  end

  def read(input, *arguments) = input.read(*arguments)
  def gets(input) = input.gets
  def each(input) = [].tap { |lines| input.each { |line| lines << line } }
  def rewind(input) = input.respond_to?(:rewind) ? (input.rewind; :rewound) : :cannot
  def close(input) = input.respond_to?(:close) ? (input.close; :closed) : :cannot

  # `read(length, buffer)` must fill the very buffer it was given.
  def read_into(input, length, initial)
    buffer = +initial
    result = input.read(length, buffer)
    [result.nil? || result.equal?(buffer), result, buffer]
  end

  def slurp(input, size)
    total = 0
    sum = 0
    while (piece = input.read(size))
      total += piece.bytesize
      sum = (sum + piece.sum(32)) & 0xffff_ffff
    end
    [total, sum]
  end

  def digest(input) = (body = input.read; [body.bytesize, body.sum(32) & 0xffff_ffff])
end

run(lambda do |env|
  calls = JSON.parse(env.fetch("HTTP_X_CALLS"))
  input = env["rack.input"]
  results = input.nil? ? :no_input : Calls.run(input, calls)
  extra = { "length" => env["CONTENT_LENGTH"], "te" => env["HTTP_TRANSFER_ENCODING"] }
  [200, { "content-type" => "application/octet-stream" }, [Marshal.dump([results, extra])]]
end)
