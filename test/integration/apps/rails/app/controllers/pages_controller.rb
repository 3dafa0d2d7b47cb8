# frozen_string_literal: true

# Each action shows one thing that real controllers do.
class PagesController < ActionController::Base
  RELEASE = Thread::Queue.new
  skip_forgery_protection

  def home = render(plain: "Hello from Rails #{request.host}:#{request.port} #{request.remote_ip}")
  def page = render(inline: "<h1><%= params[:name] %></h1>")
  def data = render(json: { query: request.query_parameters, format: request.format.to_s })
  def visits = render(plain: (session[:visits] = session[:visits].to_i + 1).to_s)
  def moved = redirect_to("/landed?from=rails")
  def landed = render(plain: "landed #{params[:from]}")
  def boom = raise(ArgumentError, "secret of the app")
  def file = send_file(__FILE__, type: "text/plain", filename: "controller.rb")
  def release = (RELEASE << true) && render(plain: "released")
  def form = render(json: request.request_parameters)
  def echo = render(plain: "#{request.request_method} #{request.raw_post}")

  def cookie
    seen = "plain #{cookies[:plain].inspect} signed #{cookies.signed[:sealed].inspect}"
    cookies[:plain] = "one two"
    cookies.signed[:sealed] = { value: "trusted", httponly: true }
    render plain: seen
  end

  def upload
    file = params.require(:file)
    bytes = file.read
    render json: { name: file.original_filename, type: file.content_type, size: bytes.bytesize,
                  sha: Digest::SHA256.hexdigest(bytes), title: params[:title] }
  end

  # A body that Rails hands to the server as an Enumerator.
  def lines
    headers["Cache-Control"] = "no-store"
    headers["Last-Modified"] = Time.now.httpdate
    self.response_body = Enumerator.new { |out| 3.times { |i| out << "line #{i}\n" } }
  end

  def hints
    request.send_early_hints("link" => "</a.css>; rel=preload")
    render plain: "hinted"
  end
end
